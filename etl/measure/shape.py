"""Shape of a mask by its surface mesh (IBSI reference manual, chapter 3.1, morphology)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import pdist
from skimage.measure import marching_cubes

from etl.measure.mask import Foreground, in_mm

Array = npt.NDArray[Any]

ISO_LEVEL = 0.5
PAIRWISE_LIMIT = 400  # below this many points a hull costs more than it saves
GUESSES = 3  # each goes from a point to the one furthest from it
ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Shape:
    """IBSI morphology: morph_volume, morph_area_mesh, morph_sphericity, morph_diam."""

    mesh_volume_mm3: float
    surface_area_mm2: float
    sphericity: float
    max_diameter_mm: float


def measure_shape(found: Foreground, affine: Array) -> Shape:
    """Volume, area, sphericity and largest diameter of the mesh around a foreground.

    Args:
        found: the foreground in its box.
        affine: voxel index to world mm; only its 3x3 part matters.
    """
    vertices, faces = _mesh(found, affine)
    a, b, c = (vertices[faces[:, corner]] for corner in range(3))
    cross = np.cross(b - a, c - a)
    area = float(np.sqrt((cross * cross).sum(axis=1)).sum()) / 2
    volume = abs(float((a * np.cross(b, c)).sum(axis=1).sum())) / 6
    sphericity = math.cbrt(36 * math.pi * volume * volume) / area
    return Shape(volume, area, sphericity, _diameter(vertices))


def max_diameter_mm(found: Foreground, affine: Array) -> float:
    """Largest distance between vertices of the mesh around a foreground, mm (IBSI morph_diam)."""
    return _diameter(in_mm(_edge_middles(found.inside), affine))


def _edge_middles(inside: Array) -> Array:
    """The mesh's vertices without the mesh: half way from foreground to a neighbour that is none.

    Marching cubes at 0.5 adds a few in the middle of a cube, which lie between these.
    """
    padded = np.pad(inside, 1)
    middles = []
    for axis, half in enumerate(np.eye(3) / 2):
        middles.append(np.argwhere(np.diff(padded, axis=axis)) + half)
    return np.concatenate(middles)


def _mesh(found: Foreground, affine: Array) -> tuple[Array, Array]:
    """Vertices in mm (relative to the box) and triangles; zero-padded by one voxel."""
    padded = np.pad(found.inside, 1).astype(np.float32)
    vertices, faces, _, _ = marching_cubes(padded, ISO_LEVEL)
    return in_mm(vertices.astype(np.float64), affine), faces


def _diameter(points: Array) -> float:
    return float(pdist(_extreme_points(_outer_points(points))).max())


def _outer_points(points: Array) -> Array:
    """The points that can belong to the pair furthest apart.

    Let a pair L apart be known, c its middle, and R the largest distance of a point from c. Two
    points further apart than L are both at least L - R from c.
    """
    one = points[0]
    for _ in range(GUESSES):
        other, one = one, points[_distances(points, one).argmax()]
    least = float(_distances(other[None], one)[0])
    from_middle = _distances(points, (one + other) / 2)
    outer: Array = points[from_middle >= (least - from_middle.max()) * (1 - ROUNDING)]
    return outer


def _distances(points: Array, origin: Array) -> Array:
    away = points - origin
    distances: Array = np.sqrt((away * away).sum(axis=1))
    return distances


def _extreme_points(points: Array) -> Array:
    """The corners of the convex hull: the two points furthest apart are among them."""
    if len(points) <= PAIRWISE_LIMIT:
        return points
    try:
        hull: Array = points[ConvexHull(points).vertices]
    except QhullError:  # flat: cannot happen to a padded mesh, but costs nothing to survive
        return points
    return hull
