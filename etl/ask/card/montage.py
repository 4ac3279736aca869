"""A case as planes with outlined masks: blobs in, a sheet out. Each blob is read once, in turn.

What is missing or damaged is said in the picture; there is always one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from etl.ask.card.choose import Case
from etl.ask.card.draw import Mask, Panel, Sheet, Strip, collect_finite, find_white
from etl.ask.card.palette import name_colour
from etl.ask.card.planes import (
    VIEWS,
    Array,
    Frame,
    make_frame,
    make_millimetre_grid,
    make_points,
    sample,
)
from etl.build.kept_units import TRANSIENT
from etl.measure.grids import to_world
from etl.measure.mask import find_foreground
from etl.model.errors import BadInputError
from etl.read.nifti import Header, read_volume
from etl.read.volumes import VOLUMES
from etl.tables.own_masks import read_two_values
from etl.tables.unit import Blob, Context, Row

ONE_MILLIMETRE = 1e-4
PHASE_WORDS = {0: "before contrast", 1: "first post-contrast", 2: "second post-contrast"}
# Role of a set -> what it is called.
WORDS = {
    "normalized": "z-scored", "native": "bias-corrected",
    "expert": "STV, expert", "network": "STV, ResUNet", "functional": "FTV",
}  # fmt: skip


@dataclass(slots=True)
class _Reading:
    """What was read of a case so far: planes of each image and mask, and what failed."""

    case: Case
    context: Context
    frame: Frame | None = None
    images: dict[int, list[tuple[Array, Array]]] = field(default_factory=dict)  # by phase
    masks: dict[str, list[Array]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    is_lasting: bool = True

    def fail(self, path: str, error: BadInputError) -> None:
        """Note a blob that cannot be read."""
        self.problems.append(f"not readable: {path}: {error.check}")
        self.is_lasting &= error.check not in TRANSIENT


@np.errstate(over="ignore", invalid="ignore")  # what is not finite is drawn black
def make_sheet(
    context: Context,
    case: Case,
    colours: Mapping[str, int],
    lead: str = "",
    *,
    has_subtraction: bool = False,
) -> Sheet:
    """Return the planes of a case through the centroid of its expert's mask.

    Args:
        context: where the case's blobs lie; its `blobs` are those of the case.
        case: what to show.
        colours: mask set -> number in the palette; the declared sets and the case's own.
        lead: what the title says of the case before the mask that the planes go through.
        has_subtraction: whether the image less the one before contrast is a strip of its own.
    """
    reading = _read_case(case, context, has_subtraction=has_subtraction)
    mark = "PHANTOM " if context.profile.is_phantom else ""
    if not (reading.images or reading.masks):
        problems = reading.problems or ["The release holds no image and no mask of it."]
        title = f"{mark}{case.case_id}: no picture"
        return Sheet(title, problems, is_lasting=reading.is_lasting)
    strips = list(_make_strips(reading, has_subtraction=has_subtraction))
    if has_subtraction and len(strips) == 1:
        reading.problems.append("no subtraction: it needs an image before contrast and one after")
    names = {*context.profile.masks, *(blob.name.mask for blob in context.blobs)}
    return Sheet(
        f"{mark}{case.case_id}: {lead}{describe_reference(case)}",
        [_describe_planes(reading), *reading.problems],
        strips,
        {name: _describe_mask(name, reading, colours) for name in colours if name in names},
        is_lasting=reading.is_lasting,
    )


def describe_sheet(sheet: Sheet) -> str:
    """Return what a picture shows, for those who do not see it."""
    if not sheet.strips:
        return ". ".join([sheet.title, *sheet.notes])
    views = ", ".join(VIEWS)
    rows = "; below: ".join(strip.heading for strip in sheet.strips)
    masks = [
        f"{mask.text} ({name_colour(mask.colour)})" if mask.colour is not None else mask.text
        for mask in sheet.masks.values()
    ]
    return f"{sheet.title}. Planes: {views}. {rows}. Outlines: {'; '.join(masks)}. " + ". ".join(
        sheet.notes
    )


def _read_case(case: Case, context: Context, *, has_subtraction: bool) -> _Reading:
    reading = _Reading(case, context)
    shown = [case.image] if case.image else []
    if has_subtraction and 0 in case.images and case.image is not case.images[0]:
        shown.append(case.images[0])
    for blob in shown:
        _read_image(blob, reading)
    by_path = {blob.path: blob for blob in context.blobs}
    # Without an image, the mask that the planes go through makes the grid: it is read first.
    for name, row in sorted(case.masks.items(), key=lambda item: item[1] is not case.reference):
        _read_mask(name, row, by_path.get(row["path"]), reading)
    VOLUMES.forget()
    measured = {row["path"] for row in case.masks.values()}
    reading.problems += [
        f"not measured: {blob.path}: see findings"
        for blob in context.blobs
        if blob.name.mask is not None and blob.path not in measured
    ]
    return reading


def _read_image(blob: Blob, reading: _Reading) -> None:
    try:
        volume = read_volume(reading.context.file(blob))
    except BadInputError as error:
        reading.fail(blob.path, error)
        return
    frame = reading.frame or _make_frame(volume.header, reading.case.reference)
    slope, inter = volume.header.scaling
    planes = sample_planes(volume.voxels, volume.header.affine, frame)
    reading.frame = frame
    reading.images[blob.name.phase or 0] = [
        (values * np.float64(slope) + inter, is_inside) for values, is_inside in planes
    ]


def _read_mask(name: str, row: Row, blob: Blob | None, reading: _Reading) -> None:
    try:
        volume = read_two_values(_require(blob), reading.context)
    except BadInputError as error:
        reading.fail(row["path"], error)
        return
    reading.frame = reading.frame or _make_frame(volume.header, row)
    reading.masks[name] = [
        find_foreground(values, *volume.header.scaling)[0] & is_inside
        for values, is_inside in sample_planes(volume.voxels, volume.header.affine, reading.frame)
    ]


def _require(blob: Blob | None) -> Blob:
    if blob is None:
        raise BadInputError(
            "blob_missing", observed="not in the table blobs", expected="a blob of the release",
            likely_cause="a table of another release", fix="Run `ispy1 repro`.",
        )  # fmt: skip
    return blob


def sample_planes(voxels: Array, affine: Array, frame: Frame) -> list[tuple[Array, Array]]:
    """Return the values of each plane, and where they lie in the volume; see sample()."""
    return [sample(voxels, affine, make_points(frame, view)) for view in VIEWS]


def _make_frame(header: Header, reference: Row | None) -> Frame:
    """Return the 1 mm grid of a volume, its planes through the reference's centroid or middle."""
    if reference is not None and reference["centroid_r_mm"] is not None:
        r, a, s = (float(reference[f"centroid_{axis}_mm"]) for axis in "ras")
        return frame_planes(header, (r, a, s))
    return frame_planes(header)


def frame_planes(header: Header, centre: tuple[float, float, float] | None = None) -> Frame:
    """Return the 1 mm grid of a volume, its planes through a point, in mm, or its middle."""
    size, affine = header.size, header.affine
    if any(abs(spacing - 1) > ONE_MILLIMETRE for spacing in header.spacing):
        count, affine = make_millimetre_grid(size, header.spacing, affine)
        size = (count[0], count[1], count[2])
    middle = (np.array([size], dtype=np.float64) - 1) / 2
    r, a, s = centre or map(float, to_world(middle, affine)[0])
    return make_frame(size, affine, (r, a, s))


def _make_strips(reading: _Reading, *, has_subtraction: bool) -> Iterator[Strip]:
    """Yield the planes of the image, and of what it has gained since before contrast."""
    case = reading.case
    phase = case.image.name.phase or 0 if case.image else 0
    image = reading.images.get(phase)
    yield Strip(_describe_image(reading), list(_make_panels(reading, image)))
    before = reading.images.get(0)
    if not has_subtraction or image is None or before is None or phase == 0:
        return
    difference = [
        (after - start, is_after & is_start)
        for (after, is_after), (start, is_start) in zip(image, before, strict=True)
    ]
    heading = f"phase {phase} minus phase 0: what took up contrast; no gain is black"
    if case.image and case.image.name.image_set != case.sets.get("normalized"):
        heading += " (its phases may be on different scales)"
    panels = list(_make_panels(reading, difference))
    yield Strip(heading, panels, _choose_window(panels))


def _choose_window(panels: Sequence[Panel]) -> tuple[float, float] | None:
    """Return the values of no gain and of the most gain in a mask: heart and vessels gain more."""
    values = collect_finite(
        p.image[mask & p.inside] for p in panels if p.image is not None for mask in p.masks.values()
    )
    return (0.0, find_white(values)) if values.size and find_white(values) > 0 else None


def _make_panels(reading: _Reading, image: list[tuple[Array, Array]] | None) -> Iterator[Panel]:
    drawn = [name for name in reading.case.masks if name in reading.masks]
    for number, view in enumerate(VIEWS):
        values, is_inside = image[number] if image else (None, None)
        yield Panel(view, values, is_inside, {name: reading.masks[name][number] for name in drawn})


def _describe_mask(name: str, reading: _Reading, colours: Mapping[str, int]) -> Mask:
    words = name_in_words(name, reading.case.sets)
    if name in reading.masks:
        return Mask(f"{words}: {_format_volume(reading.case.masks[name])}", colours[name])
    is_there = any(blob.name.mask == name for blob in reading.context.blobs)
    return Mask(f"{words}: {'not readable' if is_there else 'none'}", None)


def describe_reference(case: Case) -> str:
    """Return which mask the planes go through, with its volume."""
    reference = case.reference
    if reference is None:
        return "no tumour mask"
    return f"{name_in_words(reference['mask'], case.sets)}, {_format_volume(reference)}"


def _format_volume(row: Row) -> str:
    volume = row["volume_cm3"]
    return "volume unknown" if volume is None else f"{volume:.2f} cm3"


def name_in_words(name: str, sets: Mapping[str, str]) -> str:
    """Return what a set is called: by its role, else by its name."""
    return next((WORDS[role] for role, own in sets.items() if own == name), name)


def name_in_full(name: str, sets: Mapping[str, str]) -> str:
    """Return what a set is called, and its name where that is another one."""
    words = name_in_words(name, sets)
    return name if words == name else f"{words} ({name})"


def _describe_image(reading: _Reading) -> str:
    """Return which image lies behind the outlines."""
    image = reading.case.image
    if image is None or image.name.phase not in reading.images:
        return "no image"
    phase = PHASE_WORDS.get(image.name.phase, f"phase {image.name.phase}")
    words = name_in_words(str(image.name.image_set), reading.case.sets)
    return f"{words} image, {phase}"


def _describe_planes(reading: _Reading) -> str:
    """Return where the planes are."""
    frame, reference = reading.frame, reading.case.reference
    if frame is None or reference is None:
        return "1 mm pixels; planes through the middle of the image"
    r, a, s = (round(value) for value in frame.centre)
    return f"1 mm pixels; planes through the tumour's centroid (R {r}, A {a}, S {s} mm)"
