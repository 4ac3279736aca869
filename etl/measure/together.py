"""Scattered voxels, moved together."""

from __future__ import annotations

import math
from typing import Any

import cc3d
import numpy as np
import numpy.typing as npt
from scipy.ndimage import find_objects

Array = npt.NDArray[Any]


def moved_together(levels: Array) -> Array:
    """The parts of a region side by side: no voxel gains or loses one of its 26 neighbours.

    Texture sees neighbours only, and a lesion with satellites lies in a box of mostly nothing.

    Args:
        levels: float, shape (x, y, z), NaN outside the region.

    Returns:
        The same voxels in a smaller box, or `levels` where that would not be smaller.
    """
    labels, count = cc3d.connected_components(
        ~np.isnan(levels), connectivity=26, return_N=True, out_dtype=np.uint32
    )
    boxes = find_objects(labels.astype(np.int32, copy=False))
    sizes = np.array([[part.stop - part.start for part in box] for box in boxes])
    size = (int(sizes[:, 0].sum()) + count - 1, *map(int, sizes[:, 1:].max(axis=0)))
    if math.prod(size) >= levels.size:
        return levels
    moved = np.full(size, np.nan)
    start = 0
    for label, (box, (x, y, z)) in enumerate(zip(boxes, sizes.tolist(), strict=True), 1):
        moved[start : start + x, :y, :z] = np.where(labels[box] == label, levels[box], np.nan)
        start += x + 1
    return moved
