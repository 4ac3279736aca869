"""An image at the voxel centres of another grid: trilinear, by world coordinates, in planes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from etl.measure.arrays import Array
from etl.measure.carry import find_grid_index

Size = tuple[int, int, int]


def resample_planes(
    voxels: Array,
    source_affine: Array,
    target_affine: Array,
    target_size: Size,
    numbers: Iterable[int],
) -> Iterator[Array]:
    """Yield the image on another grid, plane by plane along the target's array axis 2.

    Args:
        voxels: the image, 3-D.
        source_affine: its voxel index to world mm, 4x4.
        target_affine: target voxel index to world mm, 4x4.
        target_size: voxels of the target along each axis.
        numbers: which planes.

    Yields:
        Float32, the first two target sizes. NaN where the centre lies outside the centres of
        the image's first and last voxels, and where a neighbouring voxel is NaN.
    """
    x, y, _ = target_size
    for number in numbers:
        box = (slice(0, x), slice(0, y), slice(number, number + 1))
        index = find_grid_index(source_affine, target_affine, box)
        is_aligned = all(np.size(line) == line.shape[axis] for axis, line in enumerate(index))
        plane = (
            _interpolate_lines(voxels, index)
            if is_aligned
            else _interpolate_points(voxels, index, (x, y))
        )
        for line, n in zip(index, voxels.shape, strict=True):
            is_outside = (line < 0) | (line > n - 1)
            plane[np.broadcast_to(is_outside[:, :, 0], plane.shape)] = np.nan
        yield plane


def _interpolate_lines(voxels: Array, index: list[Array]) -> Array:
    """Interpolate along parallel axes, one at a time; first the one with a single target plane."""
    lines = [line.ravel() for line in index]
    (low,), (high,), (share,) = _find_neighbours(lines[2], voxels.shape[2])
    plane = _interpolate(
        voxels[:, :, low].astype(np.float32), voxels[:, :, high].astype(np.float32), share
    )
    for axis in (1, 0):
        low, high, share = _find_neighbours(lines[axis], plane.shape[axis])
        share = share[:, None] if axis == 0 else share
        turned = plane.T  # volumes lie in memory with x fastest: whole rows are taken of it
        below, above = turned.take(low, 1 - axis), turned.take(high, 1 - axis)
        plane = _interpolate(below.T, above.T, share)
    return plane


def _find_neighbours(index: Array, n: int) -> tuple[Array, Array, Array]:
    """Return the voxels below and above each float index, and the share of the one above."""
    inside = index.clip(0, n - 1)
    low = np.floor(inside).astype(np.intp)
    return low, np.minimum(low + 1, n - 1), (inside - low).astype(np.float32)


def _interpolate(low: Array, high: Array, share: Array) -> Array:
    high -= low
    high *= share
    low += high
    return low


def _interpolate_points(voxels: Array, index: list[Array], shape: tuple[int, int]) -> Array:
    """Interpolate where axes are not parallel: eight neighbours per voxel."""
    from scipy import ndimage

    where = np.stack([np.broadcast_to(line[:, :, 0], shape) for line in index])
    values: Array = ndimage.map_coordinates(
        voxels, where, output=np.float32, order=1, mode="nearest", prefilter=False
    )
    return values
