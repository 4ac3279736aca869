"""A changed mask before and after: its Dice, and both outlines over the image, where blobs are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from etl.ask.card.draw import Mask, Panel, Sheet, Strip, draw_png
from etl.ask.card.montage import frame_planes, sample_planes
from etl.ask.card.picture import make_texts
from etl.ask.card.planes import VIEWS, Array
from etl.ask.diff.dice import find_blob, measure_volumes
from etl.measure.grids import is_same_grid, to_world
from etl.model.errors import BadInputError, UserError
from etl.read.nifti import Volume, read_volume
from etl.site.page import format_number
from etl.tables.own_masks import select_nonzero
from etl.tables.unit import Blob

Planes = Sequence[tuple[Array | None, Array | None]]
SIDES = {"old": 4, "new": 3}  # colours of the palette that no declared set has
PANEL_PIXELS = 400
_LARGE = 0.8  # of the most changed voxels that a plane has: the one nearest to the middle is shown


@dataclass(frozen=True, slots=True)
class Overlay:
    """What two versions of a mask give.

    `note`: why there is no Dice or no picture. `is_lasting`: no blob was missing.
    """

    dice: float | None = None
    note: str | None = None
    picture: bytes | None = None
    is_lasting: bool = True


def lay_over(
    root: Path, change: Mapping[str, Any], image: Blob | None, names: tuple[str, str], made_of: str
) -> Overlay:
    """Measure and draw both versions of a mask.

    Args:
        root: the project.
        change: a row of diff.mask_volumes of a mask that changed.
        image: what to draw it over.
        names: what the two versions are called.
        made_of: a hash that the picture carries.
    """
    if change["old_md5"] == change["new_md5"]:
        return Overlay(note="same blob, measured anew")
    sources = {s: find_blob(root, change[f"{s}_md5"], change[f"{s}_path"]) for s in SIDES}
    missing = [side for side, source in sources.items() if source is None]
    if missing:
        note = f"the {' and the '.join(missing)} blob is not at hand"
        return Overlay(note=note, is_lasting=False)
    try:
        volumes = {s: read_volume(source) for s, source in sources.items() if source is not None}
        overlap = measure_volumes(volumes["old"], volumes["new"])
    except BadInputError as error:
        return Overlay(note=f"a blob cannot be read ({error.check})", is_lasting=False)
    except UserError:  # of a release elsewhere, what is gone
        return Overlay(note="a blob is out of reach", is_lasting=False)
    grey = _read_image(root, image)
    sheet = _make_sheet(volumes, change, grey, names)
    picture = draw_png(sheet, make_texts(sheet, made_of))
    return Overlay(overlap.dice, overlap.reason, picture, is_lasting=bool(grey) or image is None)


def _read_image(root: Path, image: Blob | None) -> Volume | None:
    source = find_blob(root, image.md5, image.path) if image else None
    try:
        return read_volume(source) if source else None
    except (BadInputError, UserError):  # the outlines say enough
        return None


def _make_sheet(
    volumes: Mapping[str, Volume],
    change: Mapping[str, Any],
    image: Volume | None,
    names: tuple[str, str],
) -> Sheet:
    bits = {side: select_nonzero(volume)[0] for side, volume in volumes.items()}
    header = (image or volumes["new"]).header
    frame = frame_planes(header, _find_change(volumes, bits))
    planes = {side: sample_planes(bits[side], volumes[side].header.affine, frame) for side in SIDES}
    no_image: Planes = [(None, None)] * len(VIEWS)
    grey = sample_planes(image.voxels, image.header.affine, frame) if image else no_image
    panels = [
        Panel(view, *grey[at], {side: planes[side][at][0] for side in SIDES})
        for at, view in enumerate(VIEWS)
    ]
    legend = {
        side: Mask(f"{name}: {format_number(change[f'{side}_cm3'], '.3f')} cm3", SIDES[side])
        for side, name in zip(SIDES, names, strict=True)
    }
    title = f"{change['case_id']} {change['mask']}, {names[0]} and {names[1]}"
    note = "1 mm pixels; planes through the largest change"
    return Sheet(title, [note], [Strip("", panels)], legend, panel_pixels=PANEL_PIXELS)


def _find_change(
    volumes: Mapping[str, Volume], bits: Mapping[str, Array]
) -> tuple[float, float, float] | None:
    """Return the point, in mm, where planes cut the most changed voxels.

    Of masks on two grids, or that are the same, where they cut the most of the mask; None where
    that is empty.
    """
    old, new = volumes["old"].header, volumes["new"].header
    changed = bits["old"] ^ bits["new"] if is_same_grid(old.grid, new.grid) else bits["new"]
    changed = changed if changed.any() else bits["new"]
    if not changed.any():
        return None
    index = [_choose_plane(changed.sum(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))]
    r, a, s = map(float, to_world(np.array([index], dtype=np.float64), new.affine)[0])
    return r, a, s


def _choose_plane(counts: Array) -> int:
    """Return one of the planes with about the most voxels, near the middle of all."""
    middle = float(np.average(np.arange(counts.size), weights=counts))
    best = np.flatnonzero(counts >= _LARGE * counts.max())
    return int(best[np.argmin(np.abs(best - middle))])
