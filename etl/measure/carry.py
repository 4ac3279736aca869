"""A mask carried from its grid to another one: nearest voxel, by world coordinates.

Both affines count: scaling indices instead changed a carried volume by 5.8 % on a test shape.
"""

from __future__ import annotations

import numpy as np

from etl.measure.arrays import Array
from etl.measure.grids import invert
from etl.measure.mask import crop

Size = tuple[int, int, int]

DECIMALS = 6  # of a voxel: rounding noise must not decide which of two voxels is nearer
_NOTHING = 1e-12  # a coefficient that moves no index by that much over any grid


def carry(bits: Array, source_affine: Array, target_affine: Array, target_size: Size) -> Array:
    """Carry a mask to another grid: a target voxel takes the source voxel its centre lies in.

    The centre goes through the inverse affine, is rounded to 1e-6 of a voxel, and lies in voxel
    floor(x + 0.5). What lies outside the source is background.

    Args:
        bits: bool, shape of the source grid.
        source_affine: source voxel index to world mm, 4x4.
        target_affine: target voxel index to world mm, 4x4.
        target_size: voxels of the target along each axis.

    Returns:
        Bool, shape `target_size`, Fortran order.
    """
    carried = np.zeros(target_size, bool, order="F")
    box = _find_reach(bits, index_map(target_affine, source_affine), target_size)
    if box is None:
        return carried
    nearest, is_inside = [], np.ones((1, 1, 1), bool)
    for axis, index in enumerate(find_grid_index(source_affine, target_affine, box)):
        whole = np.floor(index + 0.5).astype(np.intp)
        is_inside = is_inside & (whole >= 0) & (whole < bits.shape[axis])
        nearest.append(whole.clip(0, bits.shape[axis] - 1))
    carried[box] = bits[nearest[0], nearest[1], nearest[2]] & is_inside
    return carried


def find_grid_index(
    source_affine: Array, target_affine: Array, box: tuple[slice, slice, slice]
) -> list[Array]:
    """Return where the target's voxel centres lie among the source's voxels, rounded to 1e-6.

    Args:
        source_affine: source voxel index to world mm, 4x4.
        target_affine: target voxel index to world mm, 4x4.
        box: which target voxels.

    Returns:
        Per source axis the float index, of a shape that broadcasts to the box: where the grids'
        axes are parallel, each depends on one target axis alone.
    """
    matrix = index_map(source_affine, target_affine)
    targets = np.ix_(*(np.arange(part.start, part.stop, dtype=np.float64) for part in box))
    index_lines = []
    for row in matrix.tolist():
        index = np.full((1, 1, 1), row[3])
        for factor, line in zip(row[:3], targets, strict=True):
            if abs(factor) > _NOTHING:
                index = index + factor * line
        index_lines.append(np.round(index, DECIMALS))
    return index_lines


def index_map(source_affine: Array, target_affine: Array) -> Array:
    """Return the map from target to source voxel index, shape (3, 4); written out: no BLAS.

    Raises:
        ZeroDivisionError: the source's affine is singular (reading refuses such a file).
    """
    steps = target_affine[:3].copy()
    steps[:, 3] -= source_affine[:3, 3]
    mapped: Array = (invert(source_affine)[:3, :3, None] * steps[None]).sum(axis=1)
    return mapped


def _find_reach(bits: Array, to_target: Array, size: Size) -> tuple[slice, slice, slice] | None:
    """Return the box of target voxels that the foreground can touch; None for none."""
    foreground = crop(bits)
    if foreground is None:
        return None
    first, last = foreground.box
    low, high = np.array(first) - 0.5, np.array(last) + 0.5
    parts = []
    for row, n in zip(to_target, size, strict=True):
        ends = np.sort([row[:3] * low, row[:3] * high], axis=0).sum(axis=1) + row[3]
        start, stop = int(np.floor(ends[0])) - 1, int(np.ceil(ends[1])) + 2
        parts.append(slice(min(max(start, 0), n), max(min(stop, n), 0)))
    return None if any(p.start >= p.stop for p in parts) else (parts[0], parts[1], parts[2])
