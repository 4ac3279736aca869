"""What a case has to show; and the median case among those that have the most."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from etl.tables.unit import Blob, Row

PHASES = (1, 2, 0)  # the first post-contrast phase, else what there is
IMAGE_SETS = ("normalized", "native")


@dataclass(frozen=True, slots=True)
class Case:
    """A case that could be shown: images of its best set by phase, and measured masks by name.

    `sets`: role -> the set that has it.
    """

    case_id: str
    sets: Mapping[str, str]
    images: Mapping[int, Blob] = field(default_factory=dict)
    masks: Mapping[str, Row] = field(default_factory=dict)

    @property
    def image(self) -> Blob | None:
        """The image of the first phase after contrast, else the next."""
        return self.images[min(self.images, key=_rank_phase)] if self.images else None

    @property
    def reference(self) -> Row | None:
        """The mask that the planes go through: the expert's, else the first with a centroid."""
        filled = {n: row for n, row in self.masks.items() if row["centroid_r_mm"] is not None}
        return filled.get(self.sets.get("expert", "")) or next(iter(filled.values()), None)

    @property
    def worth(self) -> tuple[bool, bool, bool, int]:
        """How much there is to show: the more the greater."""
        reference, image = self.reference, self.image
        return (
            reference is not None and reference["mask"] == self.sets.get("expert"),
            image is not None,
            image is not None and image.name.image_set == self.sets.get(IMAGE_SETS[0]),
            len(self.masks),
        )

    @property
    def volume_cm3(self) -> float:
        """Volume of the reference mask, 0 without one."""
        return float(self.reference["volume_cm3"]) if self.reference else 0.0


def list_cases(
    images: Iterable[Blob],
    rows: Iterable[Row],
    mask_sets: Sequence[str],
    sets: Mapping[str, str],
) -> dict[str, Case]:
    """Return the cases that have an image or a mask, by id.

    Args:
        images: the image blobs of the release.
        rows: the rows of the table masks.
        mask_sets: the sets to show, in order.
        sets: role -> the set that has it.
    """
    best = _choose_images(images, sets)
    masks: dict[str, dict[str, Row]] = {}
    order = {name: number for number, name in enumerate(mask_sets)}
    shown = [row for row in rows if row["mask"] in order]
    for row in sorted(shown, key=lambda row: order[row["mask"]]):
        masks.setdefault(row["case_id"], {})[row["mask"]] = row
    return {c: Case(c, sets, best.get(c, {}), masks.get(c, {})) for c in sorted({*best, *masks})}


def choose_case(cases: Iterable[Case]) -> Case | None:
    """Return the lower median by volume of the cases that have the most to show."""
    cases = tuple(cases)
    greatest = max((case.worth for case in cases), default=None)
    equals = sorted((case for case in cases if case.worth == greatest), key=lambda c: c.volume_cm3)
    return equals[(len(equals) - 1) // 2] if equals else None


def _rank_phase(phase: int) -> int:
    return PHASES.index(phase) if phase in PHASES else len(PHASES)


def _choose_images(images: Iterable[Blob], sets: Mapping[str, str]) -> dict[str, dict[int, Blob]]:
    """Return for each case the images of its z-scored set, else of the next, by phase."""
    preferred = [sets.get(role) for role in IMAGE_SETS]

    def rank(blob: Blob) -> tuple[int, bool, str]:
        name = blob.name.image_set
        order = preferred.index(name) if name in preferred else len(preferred)
        return order, not blob.path.endswith(".gz"), blob.path

    best: dict[str, dict[int, Blob]] = {}
    for blob in sorted(images, key=rank):
        case_id, phase = blob.name.case_id, blob.name.phase
        if case_id is None or phase is None:
            continue
        of_case = best.setdefault(case_id, {})
        if all(other.name.image_set == blob.name.image_set for other in of_case.values()):
            of_case.setdefault(phase, blob)
    return best
