"""Scattered voxels, moved together."""

from __future__ import annotations

import math

import cc3d
import numpy as np
from scipy.ndimage import find_objects

from etl.measure.arrays import Array

Size = tuple[int, int, int]


def move_together(levels: Array) -> Array:
    """Move the parts of a region together: each voxel keeps its 26 neighbours, and gets none.

    Texture sees neighbours only, and a lesion with satellites lies in a box of mostly nothing.

    Args:
        levels: float, shape (x, y, z), NaN outside the region.

    Returns:
        The same voxels in a smaller box, or `levels` where that would not be smaller.
    """
    labels, _ = cc3d.connected_components(
        ~np.isnan(levels), connectivity=26, return_N=True, out_dtype=np.uint32
    )
    boxes = find_objects(labels.astype(np.int32, copy=False))
    sizes = [(x.stop - x.start, y.stop - y.start, z.stop - z.start) for x, y, z in boxes]
    places = _pack(sizes)
    size = np.max(np.add(places, sizes), axis=0).tolist()
    if math.prod(size) >= levels.size:
        return levels
    moved = np.full(size, np.nan)
    for label, (box, corner, part) in enumerate(zip(boxes, places, sizes, strict=True), 1):
        to = tuple(slice(at, at + n) for at, n in zip(corner, part, strict=True))
        moved[to] = np.where(labels[box] == label, levels[box], np.nan)
    return moved


def _pack(sizes: list[Size]) -> list[Size]:
    """Return where each part lies: in rows along x, rows in layers along y, one voxel apart.

    Nearly a cube, thickest parts first: thousands of single voxels beside one lesion fill a few
    layers and do not lie in a row as long as they are many.
    """
    room = sum(math.prod(n + 1 for n in size) for size in sizes)
    side = math.ceil(room ** (1 / 3))
    width, depth = (max(side, *(size[axis] for size in sizes)) for axis in (0, 1))
    places = [(0, 0, 0)] * len(sizes)
    x = y = z = row = layer = 0
    for i in sorted(range(len(sizes)), key=lambda i: sizes[i][::-1], reverse=True):
        size = sizes[i]
        if x + size[0] > width:
            x, y, row = 0, y + row + 1, 0
        if y + size[1] > depth:
            x, y, z, row, layer = 0, 0, z + layer + 1, 0, 0
        places[i] = (x, y, z)
        x, row, layer = x + size[0] + 1, max(row, size[1]), max(layer, size[2])
    return places
