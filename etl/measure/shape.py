"""Shape of a mask by its surface mesh (IBSI reference manual, chapter 3.1, morphology)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import pdist
from skimage.measure import marching_cubes

from etl.measure.mask import Foreground, in_mm

Array = npt.NDArray[Any]

ISO_LEVEL = 0.5
KINDS = 256  # of a cube with eight corners, inside or outside
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

    The mesh is not made: its triangles follow from the eight corners of a cube, so that counting
    the 256 kinds of cube is enough, whatever the number of triangles (noise has one per voxel).

    Args:
        found: the foreground in its box.
        affine: voxel index to world mm; only its 3x3 part matters.
    """
    cubes, triangles = _triangles()
    a, b, c = (in_mm(triangles[:, corner], affine) for corner in range(3))
    cross = np.cross(b - a, c - a)
    areas = np.bincount(cubes, np.sqrt((cross * cross).sum(axis=1)), KINDS) / 2
    per_plane = _count_cubes(np.pad(found.inside, 1))
    area = float((per_plane[0].sum(axis=0) * areas).sum())
    x, y, z = affine[:3, :3].T
    volume = abs(_volume(per_plane) * float((x * np.cross(y, z)).sum()))
    sphericity = math.cbrt(36 * math.pi * volume * volume) / area
    return Shape(volume, area, sphericity, max_diameter_mm(found, affine))


def max_diameter_mm(found: Foreground, affine: Array) -> float:
    """Largest distance between vertices of the mesh around a foreground, mm (IBSI morph_diam)."""
    return _diameter(in_mm(_edge_middles(found.inside), affine))


def _edge_middles(inside: Array) -> Array:
    """The outermost of the mesh's vertices, without the mesh.

    These are half way from foreground to a neighbour that is none. Along a line of voxels the
    others lie between the first and the last, as do the few that marching cubes adds in the middle
    of a cube: none of them belongs to the pair furthest apart.
    """
    middles = []
    for axis, size in enumerate(inside.shape):
        lines = np.argwhere(inside.any(axis=axis))
        first = inside.argmax(axis=axis)[tuple(lines.T)]
        last = size - 1 - np.flip(inside, axis).argmax(axis=axis)[tuple(lines.T)]
        middles += [
            np.insert(lines.astype(float), axis, end, 1) for end in (first - 0.5, last + 0.5)
        ]
    return np.concatenate(middles)


@cache
def _triangles() -> tuple[Array, Array]:
    """The triangles of marching cubes in each kind of cube: its number, and (n, 3, 3) corners.

    Corner (x, y, z) of a cube is bit 4 x + 2 y + z of its number.
    """
    cubes, triangles = [], []
    for kind in range(1, KINDS - 1):
        corners = (kind >> np.arange(8)) & 1
        vertices, faces, _, _ = marching_cubes(
            corners.reshape(2, 2, 2).astype(np.float32), ISO_LEVEL
        )
        triangles.append(vertices.astype(np.float64)[faces])
        cubes.append(np.full(len(faces), kind))
    return np.concatenate(cubes), np.concatenate(triangles)


def _count_cubes(padded: Array) -> list[Array]:
    """How many cubes of each kind lie in each plane: one array (planes, 256) per axis."""
    kinds = np.zeros([size - 1 for size in padded.shape], np.uint8)
    for bit, (x, y, z) in enumerate(product((0, 1), repeat=3)):
        corner = padded[
            tuple(
                slice(at, size - 1 + at) for at, size in zip((x, y, z), padded.shape, strict=True)
            )
        ]
        kinds |= corner.astype(np.uint8) << bit
    return [
        np.array(
            [np.bincount(plane.ravel(), minlength=KINDS) for plane in np.moveaxis(kinds, axis, 0)]
        )
        for axis in range(3)
    ]


def _volume(per_plane: list[Array]) -> float:
    """Volume inside the mesh in voxels, by the divergence theorem over the kinds of cube.

    A triangle (a, b, c) of a cube at p adds (a+p).((b+p) x (c+p)) / 6: its own, and p's share.
    """
    cubes, triangles = _triangles()
    a, b, c = (triangles[:, corner] for corner in range(3))
    own = np.bincount(cubes, (a * np.cross(b, c)).sum(axis=1), KINDS)
    volume = float((per_plane[0].sum(axis=0) * own).sum())
    normals = np.cross(b - a, c - a)
    for axis, counts in enumerate(per_plane):
        places = (counts * np.arange(len(counts))[:, None]).sum(axis=0)
        volume += float((places * np.bincount(cubes, normals[:, axis], KINDS)).sum())
    return volume / 6


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
