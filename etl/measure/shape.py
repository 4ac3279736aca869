"""Shape of a mask by its surface mesh (IBSI reference manual, chapter 3.1, morphology)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np

from etl.measure.arrays import Array
from etl.measure.grids import measure_lengths, to_mm
from etl.measure.mask import DIRECTIONS, Foreground

ISO_LEVEL = 0.5
BLOCK = 1 << 20  # cubes: what is known of each takes some 40 bytes
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


def measure_shape(foreground: Foreground, affine: Array) -> Shape:
    """Return volume, area, sphericity and largest diameter of the mesh around a foreground.

    The mesh is not made: its triangles follow from the eight corners of a cube, so that counting
    the 256 kinds of cube is enough, whatever the number of triangles (noise has one per voxel).

    Args:
        foreground: the foreground in its box.
        affine: voxel index to world mm; only its 3x3 part matters.
    """
    cubes, triangles = _list_triangles()
    a, b, c = (to_mm(triangles[:, corner], affine) for corner in range(3))
    cross = np.cross(b - a, c - a)
    areas = np.bincount(cubes, measure_lengths(cross), KINDS) / 2
    counts, positions = _count_cubes(np.pad(foreground.inside, 1))
    area = float((counts * areas).sum())
    x, y, z = affine[:3, :3].T
    volume = abs(_sum_volume(counts, positions) * float((x * np.cross(y, z)).sum()))
    sphericity = math.cbrt(36 * math.pi * volume * volume) / area
    return Shape(volume, area, sphericity, measure_max_diameter(foreground, affine))


def measure_max_diameter(foreground: Foreground, affine: Array) -> float:
    """Return the largest distance of two vertices of the mesh, mm (IBSI morph_diam)."""
    return _measure_diameter(to_mm(_find_hull_vertices(foreground.inside), affine))


def _find_hull_vertices(inside: Array) -> Array:
    """Find the mesh's vertices that may be corners of its convex hull, without the mesh.

    Vertices lie half way from foreground to a neighbour that is none; the few that marching cubes
    adds in the middle of a cube are no corners. Nor is what lies between two others: half way from
    a voxel that has foreground on both of two opposite sides.
    """
    padded = np.pad(inside, 1)
    flat, (_, n_y, n_z) = padded.ravel(), padded.shape
    voxels = _find_line_ends(padded)
    for x, y, z in DIRECTIONS:
        step = (x * n_y + y) * n_z + z
        voxels = voxels[~(flat[voxels - step] & flat[voxels + step])]
    vertices = []
    for axis, step in enumerate((n_y * n_z, n_z, 1)):
        for sign in (-1, 1):
            at_edge = voxels[~flat[voxels + sign * step]]
            index = np.stack(np.unravel_index(at_edge, padded.shape), axis=1) - 1.0
            index[:, axis] += sign / 2
            vertices.append(index)
    return np.concatenate(vertices)


def _find_line_ends(padded: Array) -> Array:
    """Find the first and the last foreground voxel of each line along axis 2, by flat index."""
    n = padded.shape[2]
    first = padded.argmax(axis=2).ravel()
    last = n - 1 - np.flip(padded, 2).argmax(axis=2).ravel()
    lines = np.flatnonzero(first)  # where there is foreground, it begins behind the padding
    return np.unique(np.concatenate([lines * n + first[lines], lines * n + last[lines]]))


@cache
def _list_triangles() -> tuple[Array, Array]:
    """Return the triangles of marching cubes per kind of cube: its number, and (n, 3, 3) corners.

    Corner (x, y, z) of a cube is bit 4 x + 2 y + z of its number.
    """
    from skimage.measure import marching_cubes

    cubes, triangles = [], []
    for kind in range(1, KINDS - 1):
        corners = (kind >> np.arange(8)) & 1
        vertices, faces, _, _ = marching_cubes(
            corners.reshape(2, 2, 2).astype(np.float32), ISO_LEVEL
        )
        triangles.append(vertices.astype(np.float64)[faces])
        cubes.append(np.full(len(faces), kind))
    return np.concatenate(cubes), np.concatenate(triangles)


def _count_cubes(padded: Array) -> tuple[Array, Array]:
    """Count the cubes of each kind and sum their positions: (256,) and (3, 256).

    Cubes that are all inside or all outside have no triangle and are left out.
    """
    kinds = np.zeros([size - 1 for size in padded.shape], np.uint8)
    for bit, corner in enumerate(product((0, 1), repeat=3)):
        part = tuple(
            slice(at, size - 1 + at) for at, size in zip(corner, padded.shape, strict=True)
        )
        kinds |= padded[part].astype(np.uint8) << bit
    sums = np.zeros((4, KINDS))
    planes = max(1, BLOCK // kinds[0].size)
    for start in range(0, len(kinds), planes):
        block = kinds[start : start + planes]
        corners = np.nonzero((block > 0) & (block < KINDS - 1))
        cut = block[corners]
        counts = np.bincount(cut, minlength=KINDS)
        x, y, z = (np.bincount(cut, index, KINDS) for index in corners)
        sums += [counts, x + start * counts, y, z]
    return sums[0], sums[1:]


def _sum_volume(counts: Array, positions: Array) -> float:
    """Sum the volume inside the mesh in voxels, by the divergence theorem over kinds of cube.

    A triangle (a, b, c) of a cube at p adds (a+p).((b+p) x (c+p)) / 6: its own, and p's share.
    """
    cubes, triangles = _list_triangles()
    a, b, c = (triangles[:, corner] for corner in range(3))
    volumes = np.bincount(cubes, (a * np.cross(b, c)).sum(axis=1), KINDS)
    volume = float((counts * volumes).sum())
    normals = np.cross(b - a, c - a)
    for axis, sums in enumerate(positions):
        volume += float((sums * np.bincount(cubes, normals[:, axis], KINDS)).sum())
    return volume / 6


def _measure_diameter(points: Array) -> float:
    from scipy.spatial.distance import pdist

    return float(pdist(_find_extreme_points(_select_outer_points(points))).max())


def _select_outer_points(points: Array) -> Array:
    """Return the points that can belong to the pair furthest apart.

    Let a pair L apart be known, c its middle, and R the largest distance of a point from c. Two
    points further apart than L are both at least L - R from c.
    """
    end = points[0]
    for _ in range(GUESSES):
        opposite, end = end, points[measure_lengths(points - end).argmax()]
    reach = float(measure_lengths(opposite[None] - end)[0])
    from_middle = measure_lengths(points - (end + opposite) / 2)
    outer: Array = points[from_middle >= (reach - from_middle.max()) * (1 - ROUNDING)]
    return outer


def _find_extreme_points(points: Array) -> Array:
    """Return the corners of the convex hull: the two points furthest apart are among them."""
    from scipy.spatial import ConvexHull, QhullError

    if len(points) <= PAIRWISE_LIMIT:
        return points
    try:
        hull: Array = points[ConvexHull(points).vertices]
    except QhullError:  # flat: cannot happen to a padded mesh, but costs nothing to survive
        return points
    return hull
