"""reports/card.png: three planes of the median case with its masks outlined.

What is missing or damaged is said in the picture; a picture is always written. It carries a hash
of what it is made of, so that a clone without blobs keeps the one that it pulled.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from etl.ask.card.choose import Candidate, candidates
from etl.ask.card.draw import Mask, Panel, Sheet, draw
from etl.ask.card.planes import (
    VIEWS,
    Array,
    Frame,
    View,
    frame,
    millimetre_grid,
    plane_points,
    sample,
)
from etl.build.manifest import hash_file
from etl.build.recipe import make_module_recipe
from etl.measure.mask import foreground_bits
from etl.model import project
from etl.model.errors import BadInputError
from etl.model.profile import Profile, load_profile
from etl.model.release import parse
from etl.model.store import read_table, table_path, write_atomically
from etl.read.nifti import Header, read_volume, to_world
from etl.tables.own_masks import read_two_values
from etl.tables.unit import Blob, Context, Row

PICTURE = "reports/card.png"
MADE_OF, TITLE = "ispy1 made of", "Title"  # texts inside the file
TRIES = 8  # cases that are tried where blobs turn out to be damaged
ONE_MILLIMETRE = 1e-4
PHASE_WORDS = {0: "before contrast", 1: "first post-contrast", 2: "second post-contrast"}
# Role of a set -> what it is called.
WORDS = {
    "normalized": "z-scored", "native": "bias-corrected",
    "expert": "STV, expert", "network": "STV, ResUNet", "functional": "FTV",
}  # fmt: skip

Planes = dict[View, Array]


@dataclass(frozen=True, slots=True)
class Shown:
    """What could be read of a case: pixels of every plane."""

    image: Planes | None
    inside: Planes | None
    masks: dict[str, Planes]
    unreadable: tuple[str, ...]

    @property
    def worth(self) -> tuple[bool, int]:
        """How much of the case could be read."""
        return self.image is not None, len(self.masks)


def write_picture(root: Path) -> str:
    """Write reports/card.png of the project at `root`, unless it is there; return its title.

    Raises:
        UserError: no table of blobs or of masks, or the disk refuses.
    """
    profile = load_profile(root)
    blobs = _volumes(root, profile)
    images = [blob for blob in blobs if blob.name.image_set is not None]
    table = table_path(root / project.TABLES, "masks")
    made_of = _hash_inputs(root, profile, blobs, table)
    title = _read_title(root / PICTURE, made_of)
    if title is not None:
        return title
    rows = read_table(table).to_pylist()
    context = Context(root, project.release_path(root), profile, blobs)
    sheet = _sheet(context, candidates(images, rows, _mask_sets(profile), profile.sets))
    image, about = draw(sheet), PngInfo()
    about.add_text(MADE_OF, made_of)
    about.add_text(TITLE, sheet.title)
    write_atomically(root / PICTURE, lambda path: image.save(path, format="PNG", pnginfo=about))
    return sheet.title


def _volumes(root: Path, profile: Profile) -> tuple[Blob, ...]:
    """Return the images and masks that the tables are made of: a clone may have no index."""
    rows = read_table(table_path(root / project.TABLES, "blobs")).to_pylist()
    return tuple(
        Blob(parse(row["path"], profile), row["md5"], row["size_bytes"])
        for row in rows
        if row["case_id"] is not None and row["md5"] is not None
    )


def _hash_inputs(root: Path, profile: Profile, blobs: Sequence[Blob], table: Path) -> str:
    """Return a hash of all that the picture follows from."""
    parts = (
        make_module_recipe(root, "etl.ask.card.picture", profile),
        repr([(blob.path, blob.md5) for blob in blobs]),
        str(hash_file(table)),
    )
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _read_title(path: Path, made_of: str) -> str | None:
    """Return the title of a picture that is made of the same; None without one."""
    try:
        with Image.open(path) as image:
            facts = image.info
    except (OSError, SyntaxError, ValueError):
        return None
    return str(facts[TITLE]) if facts.get(MADE_OF) == made_of and TITLE in facts else None


def _mask_sets(profile: Profile) -> list[str]:
    """The declared masks, the expert's last: it is drawn on top."""
    return sorted(profile.masks, key=lambda name: (name == profile.sets.get("expert"), name))


def _sheet(context: Context, cases: list[Candidate]) -> Sheet:
    """The first case of which all can be read; of the cases tried else the one with the most."""
    best: tuple[Candidate, Shown] | None = None
    for candidate in cases[:TRIES]:
        shown = _read(candidate, context)
        if best is None or shown.worth > best[1].worth:
            best = candidate, shown
        if not shown.unreadable:
            break
    if best is None or best[1].worth == (False, 0):
        return _empty_sheet(context.profile, best)
    return _full_sheet(context.profile, *best)


def _read(candidate: Candidate, context: Context) -> Shown:
    """Read a case's blobs one after the other, keeping only the planes."""
    where: Frame | None = None
    unreadable: list[str] = []
    image = inside = None
    if candidate.image is not None:
        try:
            where, image, inside = _read_image(candidate.image, candidate.reference, context)
        except BadInputError as error:
            unreadable.append(f"{candidate.image.path}: {error.check}")
    masks: dict[str, Planes] = {}
    by_path = {blob.path: blob for blob in context.blobs}
    for name, row in _reference_first(candidate):
        try:
            where, masks[name] = _read_mask(by_path.get(row["path"]), row, where, context)
        except BadInputError as error:
            unreadable.append(f"{row['path']}: {error.check}")
    ordered = {name: masks[name] for name in candidate.masks if name in masks}
    return Shown(image, inside, ordered, tuple(unreadable))


def _reference_first(candidate: Candidate) -> list[tuple[str, Row]]:
    """The masks, the one that the planes go through first: without an image it makes the grid."""
    return sorted(candidate.masks.items(), key=lambda item: item[1] is not candidate.reference)


def _read_image(
    blob: Blob, reference: Row | None, context: Context
) -> tuple[Frame, Planes, Planes]:
    volume = read_volume(context.file(blob))
    where = _frame(volume.header, reference)
    planes: Planes = {}
    inside: Planes = {}
    for view in VIEWS:
        points = plane_points(where, view)
        planes[view], inside[view] = sample(volume.voxels, volume.header.affine, points)
    return where, planes, inside


def _read_mask(
    blob: Blob | None, row: Row, where: Frame | None, context: Context
) -> tuple[Frame, Planes]:
    if blob is None:
        raise BadInputError(
            "blob_missing", observed="not in the table blobs", expected="a blob of the release",
            likely_cause="a table of another release", fix="Run `ispy1 repro`.",
        )  # fmt: skip
    volume = read_two_values(blob, context)
    bits, _ = foreground_bits(volume.voxels, *volume.header.scaling)
    where = where or _frame(volume.header, row)
    affine = volume.header.affine
    return where, {view: sample(bits, affine, plane_points(where, view))[0] for view in VIEWS}


def _frame(header: Header, reference: Row | None) -> Frame:
    """The 1 mm grid of a volume, with its planes through the reference's centroid (or middle)."""
    size, affine = header.size, header.affine
    if any(abs(spacing - 1) > ONE_MILLIMETRE for spacing in header.spacing):
        count, affine = millimetre_grid(size, header.spacing, affine)
        size = (count[0], count[1], count[2])
    if reference is not None and reference["voxel_count"]:
        r, a, s = (float(reference[f"centroid_{axis}_mm"]) for axis in "ras")
    else:
        middle = (np.array([size], dtype=np.float64) - 1) / 2
        r, a, s = map(float, to_world(middle, affine)[0])
    return frame(size, affine, (r, a, s))


def _full_sheet(profile: Profile, case: Candidate, shown: Shown) -> Sheet:
    panels = [
        Panel(
            view,
            shown.image[view] if shown.image else None,
            shown.inside[view] if shown.inside else None,
            [planes[view] for planes in shown.masks.values()],
        )
        for view in VIEWS
    ]
    masks = [_legend(name, case, shown) for name in _mask_sets(profile)]
    return Sheet(_title(profile, case), _notes(case, shown), panels, masks)


def _legend(name: str, case: Candidate, shown: Shown) -> Mask:
    words = _name_in_words(name, case.sets)
    if name not in case.masks:
        return Mask(f"{words}: none", is_shown=False)
    if name not in shown.masks:
        return Mask(f"{words}: not readable", is_shown=False)
    return Mask(f"{words}: {case.masks[name]['volume_cm3']:.2f} cm3", is_shown=True)


def _name_in_words(name: str, sets: Mapping[str, str]) -> str:
    """Return what a set is called: by its role, else by its name."""
    return next((WORDS[role] for role, own in sets.items() if own == name), name)


def _title(profile: Profile, case: Candidate) -> str:
    mark = "PHANTOM " if profile.is_phantom else ""
    reference = case.reference
    what = "no tumour mask"
    if reference is not None:
        words = _name_in_words(reference["mask"], case.sets)
        what = f"median case by {words}, {reference['volume_cm3']:.2f} cm3"
    return f"{mark}{case.case_id}: {what}"


def _notes(case: Candidate, shown: Shown) -> list[str]:
    """Which image lies behind the outlines, and what could not be read."""
    image = "no image"
    if case.image is not None and shown.image is not None:
        name = case.image.name
        phase = PHASE_WORDS.get(name.phase or 0, f"phase {name.phase}")
        image = f"{_name_in_words(str(name.image_set), case.sets)} image, {phase}"
    through = "tumour's centroid" if case.reference is not None else "middle of the image"
    first = f"{image}; 1 mm pixels; planes through the {through}"
    return [first, *(f"not readable: {text}" for text in shown.unreadable)]


def _empty_sheet(profile: Profile, best: tuple[Candidate, Shown] | None) -> Sheet:
    mark = "PHANTOM " if profile.is_phantom else ""
    if best is None:
        return Sheet(f"{mark}no picture", ["The release holds no image and no readable mask."])
    case, shown = best
    lines = [f"not readable: {text}" for text in shown.unreadable]
    return Sheet(f"{mark}{case.case_id}: no picture", lines)
