"""Choose the case that the picture shows: the median one among those with the most to show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from etl.tables.unit import Blob, Row

PHASES = (1, 2, 0)  # the first post-contrast phase, else what there is
IMAGE_SETS = ("normalized", "native")


@dataclass(frozen=True, slots=True)
class Case:
    """A case that could be shown: its best image, and its measured masks by name.

    `sets`: role -> the set that has it.
    """

    case_id: str
    sets: Mapping[str, str]
    image: Blob | None = None
    masks: Mapping[str, Row] = field(default_factory=dict)

    @property
    def reference(self) -> Row | None:
        """The mask that the planes go through: the expert's, else the first with foreground."""
        filled = {name: row for name, row in self.masks.items() if row["voxel_count"]}
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


def choose_case(
    images: Iterable[Blob],
    rows: Sequence[Row],
    mask_sets: Sequence[str],
    sets: Mapping[str, str],
) -> Case | None:
    """Return the lower median by volume of the cases that have the most to show.

    Args:
        images: the image blobs of the release.
        rows: the rows of the table masks.
        mask_sets: the sets to show, in order.
        sets: role -> the set that has it.
    """
    best = _choose_images(images, sets)
    masks: dict[str, dict[str, Row]] = {}
    for name in mask_sets:
        for row in rows:
            if row["mask"] == name:
                masks.setdefault(row["case_id"], {})[name] = row
    cases = [Case(c, sets, best.get(c), masks.get(c, {})) for c in sorted({*best, *masks})]
    greatest = max((case.worth for case in cases), default=None)
    equals = sorted((case for case in cases if case.worth == greatest), key=lambda c: c.volume_cm3)
    return equals[(len(equals) - 1) // 2] if equals else None


def _choose_images(images: Iterable[Blob], sets: Mapping[str, str]) -> dict[str, Blob]:
    """Return for each case its z-scored image of the first phase after contrast, else the next."""
    preferred = [sets.get(role) for role in IMAGE_SETS]

    def rank(blob: Blob) -> tuple[int, int, bool, str]:
        name = blob.name
        order = preferred.index(name.image_set) if name.image_set in preferred else 9
        phase = PHASES.index(name.phase) if name.phase in PHASES else 9
        return order, phase, not blob.path.endswith(".gz"), blob.path

    best: dict[str, Blob] = {}
    for blob in sorted(images, key=rank):
        if blob.name.case_id is not None:
            best.setdefault(blob.name.case_id, blob)
    return best
