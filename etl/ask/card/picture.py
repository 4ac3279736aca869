"""reports/card.png: three planes of the median case with its masks outlined.

What is missing or damaged is said in the picture; a picture is always written. It carries a hash
of what it is made of, so that a clone without blobs keeps the one that it pulled.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from etl.ask.card.choose import Case, choose_case
from etl.ask.card.draw import Mask, Panel, Sheet, draw
from etl.ask.card.planes import (
    VIEWS,
    Array,
    Frame,
    make_frame,
    make_millimetre_grid,
    make_points,
    sample,
)
from etl.build.manifest import hash_file
from etl.build.recipe import make_module_recipe
from etl.measure.grids import to_world
from etl.measure.mask import find_foreground
from etl.model import project
from etl.model.errors import BadInputError
from etl.model.profile import Profile, load_profile
from etl.model.release import parse
from etl.model.store import read_table, table_path, write_atomically
from etl.read.nifti import Header, read_volume
from etl.tables.own_masks import read_two_values
from etl.tables.unit import Blob, Context, Row

PICTURE = "reports/card.png"
MADE_OF, TITLE = "ispy1 made of", "Title"  # texts inside the file
ONE_MILLIMETRE = 1e-4
PHASE_WORDS = {0: "before contrast", 1: "first post-contrast", 2: "second post-contrast"}
# Role of a set -> what it is called.
WORDS = {
    "normalized": "z-scored", "native": "bias-corrected",
    "expert": "STV, expert", "network": "STV, ResUNet", "functional": "FTV",
}  # fmt: skip


def write_picture(root: Path) -> str:
    """Write reports/card.png of the project at `root`, unless it is there; return its title.

    Raises:
        UserError: no table of blobs or of masks, or the disk refuses.
    """
    profile = load_profile(root)
    blobs = _read_blobs(root, profile)
    images = [blob for blob in blobs if blob.name.image_set is not None]
    table = table_path(root / project.TABLES, "masks")
    made_of = _hash_inputs(root, profile, blobs, table)
    title = _read_title(root / PICTURE, made_of)
    if title is not None:
        return title
    rows = read_table(table).to_pylist()
    context = Context(root, project.release_path(root), profile, blobs)
    case = choose_case(images, rows, _list_mask_sets(profile), profile.sets)
    sheet = _make_sheet(context, case)
    image, about = draw(sheet), PngInfo()
    about.add_text(MADE_OF, made_of)
    about.add_text(TITLE, sheet.title)
    write_atomically(root / PICTURE, lambda path: image.save(path, format="PNG", pnginfo=about))
    return sheet.title


def _read_blobs(root: Path, profile: Profile) -> tuple[Blob, ...]:
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


def _list_mask_sets(profile: Profile) -> list[str]:
    """Return the declared masks, the expert's last: it is drawn on top."""
    return sorted(profile.masks, key=lambda name: (name == profile.sets.get("expert"), name))


def _make_sheet(context: Context, case: Case | None) -> Sheet:
    mark = "PHANTOM " if context.profile.is_phantom else ""
    if case is None:
        return Sheet(f"{mark}no picture", ["The release holds no image and no readable mask."])
    panels, unreadable = _read_panels(case, context)
    problems = [f"not readable: {text}" for text in unreadable]
    if not any(panel.masks or panel.image is not None for panel in panels):
        return Sheet(f"{mark}{case.case_id}: no picture", problems)
    legend = [_describe_mask(name, case, panels) for name in _list_mask_sets(context.profile)]
    notes = [_describe_image(case, has_image=panels[0].image is not None), *problems]
    return Sheet(f"{mark}{case.case_id}: {_describe_reference(case)}", notes, panels, legend)


def _read_panels(case: Case, context: Context) -> tuple[list[Panel], list[str]]:
    """Read a case's blobs one after the other, keeping only the planes; return what failed."""
    frame: Frame | None = None
    unreadable: list[str] = []
    panels = [Panel(view) for view in VIEWS]
    if case.image is not None:
        try:
            frame, panels = _read_image(case.image, case.reference, context)
        except BadInputError as error:
            unreadable.append(f"{case.image.path}: {error.check}")
    by_path = {blob.path: blob for blob in context.blobs}
    planes: dict[str, list[Array]] = {}
    # Without an image, the mask that the planes go through makes the grid: it is read first.
    for name, row in sorted(case.masks.items(), key=lambda item: item[1] is not case.reference):
        try:
            frame, planes[name] = _read_mask(by_path.get(row["path"]), row, frame, context)
        except BadInputError as error:
            unreadable.append(f"{row['path']}: {error.check}")
    for name in filter(planes.__contains__, case.masks):
        for panel, mask in zip(panels, planes[name], strict=True):
            panel.masks[name] = mask
    return panels, unreadable


def _read_image(blob: Blob, reference: Row | None, context: Context) -> tuple[Frame, list[Panel]]:
    volume = read_volume(context.file(blob))
    frame = _make_frame(volume.header, reference)
    affine = volume.header.affine
    return frame, [
        Panel(view, *sample(volume.voxels, affine, make_points(frame, view))) for view in VIEWS
    ]


def _read_mask(
    blob: Blob | None, row: Row, frame: Frame | None, context: Context
) -> tuple[Frame, list[Array]]:
    if blob is None:
        raise BadInputError(
            "blob_missing", observed="not in the table blobs", expected="a blob of the release",
            likely_cause="a table of another release", fix="Run `ispy1 repro`.",
        )  # fmt: skip
    volume = read_two_values(blob, context)
    bits, _ = find_foreground(volume.voxels, *volume.header.scaling)
    frame = frame or _make_frame(volume.header, row)
    affine = volume.header.affine
    return frame, [sample(bits, affine, make_points(frame, view))[0] for view in VIEWS]


def _make_frame(header: Header, reference: Row | None) -> Frame:
    """Return the 1 mm grid of a volume, its planes through the reference's centroid or middle."""
    size, affine = header.size, header.affine
    if any(abs(spacing - 1) > ONE_MILLIMETRE for spacing in header.spacing):
        count, affine = make_millimetre_grid(size, header.spacing, affine)
        size = (count[0], count[1], count[2])
    if reference is not None and reference["voxel_count"]:
        r, a, s = (float(reference[f"centroid_{axis}_mm"]) for axis in "ras")
    else:
        middle = (np.array([size], dtype=np.float64) - 1) / 2
        r, a, s = map(float, to_world(middle, affine)[0])
    return make_frame(size, affine, (r, a, s))


def _describe_mask(name: str, case: Case, panels: list[Panel]) -> Mask:
    words = _name_in_words(name, case.sets)
    if name not in case.masks:
        return Mask(f"{words}: none", is_shown=False)
    if name not in panels[0].masks:
        return Mask(f"{words}: not readable", is_shown=False)
    return Mask(f"{words}: {case.masks[name]['volume_cm3']:.2f} cm3", is_shown=True)


def _describe_reference(case: Case) -> str:
    reference = case.reference
    if reference is None:
        return "no tumour mask"
    words = _name_in_words(reference["mask"], case.sets)
    return f"median case by {words}, {reference['volume_cm3']:.2f} cm3"


def _name_in_words(name: str, sets: Mapping[str, str]) -> str:
    """Return what a set is called: by its role, else by its name."""
    return next((WORDS[role] for role, own in sets.items() if own == name), name)


def _describe_image(case: Case, *, has_image: bool) -> str:
    """Return which image lies behind the outlines, and where the planes are."""
    image = "no image"
    if case.image is not None and has_image:
        name = case.image.name
        phase = PHASE_WORDS.get(name.phase or 0, f"phase {name.phase}")
        image = f"{_name_in_words(str(name.image_set), case.sets)} image, {phase}"
    through = "tumour's centroid" if case.reference is not None else "middle of the image"
    return f"{image}; 1 mm pixels; planes through the {through}"
