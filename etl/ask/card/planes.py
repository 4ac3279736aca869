"""Planes through a volume by world coordinates: arrays in, pixels out. Knows no file.

World axes are r, a, s (RAS+, mm). A plane has pixels of 1 mm whose centres lie on the lattice of
the target grid's first voxel, so that on an axis-aligned 1 mm grid pixels are voxels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from etl.read.nifti import compute_determinant, convert_to_world, find_corners

Array = npt.NDArray[Any]

View = Literal["axial", "coronal", "sagittal"]
# Per view: world axis along the columns and along the rows. Radiological: the patient's right and
# front are on the left of a picture, so every axis runs backwards.
VIEWS: dict[View, tuple[int, int]] = {"axial": (0, 1), "coronal": (0, 2), "sagittal": (1, 2)}
EDGES: dict[View, tuple[str, str, str, str]] = {  # left, right, top, bottom
    "axial": ("R", "L", "A", "P"),
    "coronal": ("R", "L", "S", "I"),
    "sagittal": ("A", "P", "S", "I"),
}
MAX_PIXELS = 1024  # along a side: a grid of metres is shown in part


@dataclass(frozen=True, slots=True)
class Frame:
    """Where the planes lie: a point of the lattice, the planes' common point, and the extent."""

    origin: tuple[float, float, float]
    centre: tuple[float, float, float]
    low: tuple[int, int, int]  # first and last lattice point of the volume along r, a, s
    high: tuple[int, int, int]


def frame(size: tuple[int, ...], affine: Array, centre: tuple[float, float, float]) -> Frame:
    """The frame of a target grid.

    Args:
        size: voxels along each array axis.
        affine: voxel index to world mm.
        centre: world point that all planes go through, mm.
    """
    ends = find_corners(affine, size)
    origin = ends[0]
    low = np.floor(ends.min(axis=0) - origin + 0.5).astype(int)
    high = np.floor(ends.max(axis=0) - origin + 0.5).astype(int)
    high = np.minimum(high, low + MAX_PIXELS - 1)
    return Frame(_three(origin), centre, _ints(low), _ints(high))


def _three(values: Array) -> tuple[float, float, float]:
    r, a, s = map(float, values)
    return r, a, s


def _ints(values: Array) -> tuple[int, int, int]:
    r, a, s = map(int, values)
    return r, a, s


def plane_points(where: Frame, view: View) -> Array:
    """World coordinates of a plane's pixel centres, shape (rows, columns, 3)."""
    across, down = VIEWS[view]
    columns = np.arange(where.high[across], where.low[across] - 1, -1, dtype=np.float64)
    rows = np.arange(where.high[down], where.low[down] - 1, -1, dtype=np.float64)
    origin = np.asarray(where.origin)
    steps = np.floor(np.asarray(where.centre) - origin + 0.5)
    points = np.empty((rows.size, columns.size, 3))
    points[...] = steps
    points[..., across] = columns[None, :]
    points[..., down] = rows[:, None]
    points += origin
    return points


def sample(voxels: Array, affine: Array, points: Array) -> tuple[Array, Array]:
    """The nearest voxel's value at world points; 0 outside.

    Args:
        voxels: shape (x, y, z).
        affine: voxel index to world mm.
        points: world mm, shape (..., 3).

    Returns:
        Values, and whether a point lies in the volume; both of the points' shape without the 3.
    """
    index = np.floor(convert_to_world(points.reshape(-1, 3), inverse(affine)) + 0.5).astype(
        np.int64
    )
    is_inside = ((index >= 0) & (index < np.asarray(voxels.shape))).all(axis=1)
    values = np.zeros(len(index), voxels.dtype)
    x, y, z = index[is_inside].T
    values[is_inside] = voxels[x, y, z]
    shape = points.shape[:-1]
    found: Array = values.reshape(shape)
    covered: Array = np.reshape(is_inside, shape)
    return found, covered


def inverse(affine: Array) -> Array:
    """World mm to voxel index, by cofactors: no BLAS, so the same bits everywhere."""
    (a, b, c), (d, e, f), (g, h, i) = affine[:3, :3].tolist()
    cofactors = [
        [e * i - f * h, c * h - b * i, b * f - c * e],
        [f * g - d * i, a * i - c * g, c * d - a * f],
        [d * h - e * g, b * g - a * h, a * e - b * d],
    ]
    back = np.eye(4)
    back[:3, :3] = np.array(cofactors) / compute_determinant(affine)
    back[:3, 3] = -convert_to_world(affine[None, :3, 3], back)[0]
    return back


def millimetre_grid(
    size: tuple[int, ...], spacing: tuple[float, ...], affine: Array
) -> tuple[tuple[int, ...], Array]:
    """Size and affine of the 1 mm grid that shares a grid's first voxel centre."""
    target = affine.copy()
    target[:3, :3] = affine[:3, :3] / np.asarray(spacing)
    count = tuple(max(1, int(np.floor(n * s + 0.5))) for n, s in zip(size, spacing, strict=True))
    return count, target
