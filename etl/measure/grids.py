"""Grids of voxels: affine algebra without BLAS, so the same bits on every processor.

An affine is a 4x4 array that takes voxel indices to world mm.
"""

from __future__ import annotations

import math

import numpy as np

from etl.measure.arrays import Array

Grid = tuple[tuple[int, ...], Array]  # voxels along each array axis, and the affine

SAME_GRID_MM = 0.01  # largest distance of two corners (TABLES, "same grid")


def determinant(affine: Array) -> float:
    """Return the determinant of the 3x3 part, mm3."""
    (a, b, c), (d, e, f), (g, h, i) = affine[:3, :3].tolist()
    return float(a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g))


def invert(affine: Array) -> Array:
    """Return the affine from world mm to voxel indices, by cofactors.

    Raises:
        ZeroDivisionError: the affine is singular (reading refuses such a file).
    """
    (a, b, c), (d, e, f), (g, h, i) = affine[:3, :3].tolist()
    cofactors = [
        [e * i - f * h, c * h - b * i, b * f - c * e],
        [f * g - d * i, a * i - c * g, c * d - a * f],
        [d * h - e * g, b * g - a * h, a * e - b * d],
    ]
    volume = determinant(affine)
    inverse = np.eye(4)
    inverse[:3, :3] = [[cofactor / volume for cofactor in row] for row in cofactors]
    inverse[:3, 3] = -to_mm(affine[None, :3, 3], inverse)[0]
    return inverse


def to_world(index: Array, affine: Array) -> Array:
    """Return the world mm of voxel indices, both of shape (n, 3)."""
    x, y, z = index.T
    rows = affine[:3].tolist()
    return np.stack([a * x + b * y + c * z + d for a, b, c, d in rows], axis=1)


def to_mm(index: Array, affine: Array) -> Array:
    """Return the mm of voxel indices without the offset, both of shape (n, 3)."""
    x, y, z = index.T
    rows = affine[:3, :3].tolist()
    return np.stack([a * x + b * y + c * z for a, b, c in rows], axis=1)


def measure_spacing(affine: Array) -> tuple[float, ...]:
    """Return the mm between voxels along each array axis: the column norms."""
    return tuple(math.hypot(*map(float, column)) for column in affine[:3, :3].T)


def measure_lengths(vectors: Array) -> Array:
    """Return the lengths of vectors, of shape (n, 3)."""
    lengths: Array = np.sqrt((vectors * vectors).sum(axis=1))
    return lengths


def find_corners(affine: Array, size: tuple[int, ...]) -> Array:
    """Return the centres of the eight corner voxels, world mm, shape (8, 3)."""
    ends = [(0.0, float(n - 1)) for n in size]
    index = np.array([(x, y, z) for x in ends[0] for y in ends[1] for z in ends[2]])
    return to_world(index, affine)


def is_same_grid(first: Grid, second: Grid) -> bool:
    """Return whether sizes are equal, and all eight corner voxels within 0.01 mm."""
    (size, affine), (second_size, second_affine) = first, second
    if tuple(size) != tuple(second_size):
        return False
    apart = find_corners(affine, size) - find_corners(second_affine, size)
    return bool(measure_lengths(apart).max() <= SAME_GRID_MM)
