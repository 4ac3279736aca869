"""Bodies given by an implicit function, and their exact volumes and centroids.

A body is star-shaped: in its own frame (mm divided by `radii`, from `centre`) its surface lies
at distance 1 + sum of h * ((1 + u.d) / 2)**8 in direction u, one term per lobe (direction d,
height h). An ellipsoid has no lobes. The implicit function is that distance's reciprocal share:
`depth` <= 1 inside, growing linearly along each ray.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from math import ceil, floor, pi, prod

import numpy as np
from numpy.typing import NDArray

from etl.phantom.grids import Box, Grid, Vector, make_vector

Lobe = tuple[Vector, float]

_POLAR_NODES = 48
_AZIMUTH_NODES = 96
_TINY = 1e-12
_DECIMALS = 6  # of a voxel


@dataclass(frozen=True, slots=True)
class Body:
    """One star-shaped body; `centre` and `radii` in mm in the frame of the case."""

    centre: Vector
    radii: Vector
    lobes: tuple[Lobe, ...] = ()


Solid = tuple[Body, ...]  # bodies that are apart from one another; the first is the main one


@dataclass(frozen=True, slots=True)
class Extent:
    """Analytic volume (mm3), centroid (mm) and reach (mm: largest distance from the centre)."""

    volume: float
    centroid: Vector
    reach: float


@dataclass(frozen=True, slots=True)
class Patch:
    """Foreground of one body on a grid: a box of the z, y, x array and what is inside it."""

    box: Box
    inside: NDArray[np.bool_]

    @property
    def count(self) -> int:
        """Number of voxels whose centre lies inside the body."""
        return int(np.count_nonzero(self.inside))


def scale(body: Body, factor: float) -> Body:
    """Scale a shape about its centre."""
    return replace(body, radii=make_vector(radius * factor for radius in body.radii))


@lru_cache(maxsize=512)
def measure(body: Body) -> Extent:
    """Return volume, centroid and reach by quadrature over the unit sphere.

    Gauss-Legendre in the cosine of the polar angle, equal steps in azimuth: exact to rounding
    for the polynomials that these bodies are.
    """
    directions, weights = _make_sphere()
    radius = _compute_surface(body.lobes, directions)
    stretch = prod(body.radii)
    volume = stretch * float(np.sum(weights * radius**3)) / 3
    moment = (weights * radius**4) @ directions * stretch / 4
    radii = np.array(body.radii)
    centroid = make_vector(np.array(body.centre) + radii * moment / volume)
    reach = float(np.sqrt(np.sum((directions * radii) ** 2, axis=1) * radius**2).max())
    return Extent(volume, centroid, reach)


def measure_solid(solid: Solid) -> tuple[float, Vector]:
    """Return analytic volume (mm3) and centroid (mm, frame of the case) of separate bodies."""
    parts = [measure(body) for body in solid]
    volume = sum(part.volume for part in parts)
    axes = range(3)
    return volume, make_vector(sum(p.volume * p.centroid[n] for p in parts) / volume for n in axes)


def find_box(body: Body, grid: Grid, margin: float = 0.0) -> Box:
    """Return the box of voxels of the body and `margin` mm around, cut at the grid's edge."""
    reach = measure(body).reach * 1.01 + margin
    slices = []
    for axis in (2, 1, 0):
        low = floor((body.centre[axis] - reach) / grid.spacing[axis])
        high = ceil((body.centre[axis] + reach) / grid.spacing[axis]) + 1
        slices.append(slice(max(low, 0), min(high, grid.size[axis])))
    return slices[0], slices[1], slices[2]


def compute_depth(body: Body, grid: Grid, box: Box) -> NDArray[np.float64]:
    """Return the implicit function at the voxel centres of a box: <= 1 inside. Array is z, y, x."""
    z, y, x = (
        (line - centre) / radius
        for line, centre, radius in zip(
            grid.list_centres(box), body.centre[::-1], body.radii[::-1], strict=True
        )
    )
    z, y, x = z[:, None, None], y[None, :, None], x[None, None, :]
    distance = np.sqrt(z * z + y * y + x * x)
    np.maximum(distance, _TINY, out=distance)
    surface = np.ones_like(distance)
    for (dx, dy, dz), height in body.lobes:
        term = (x * dx + y * dy) + z * dz
        term /= distance
        surface += _compute_lobe(term, height)
    distance /= surface
    return distance


def paint_patches(solid: Solid, grid: Grid) -> list[Patch]:
    """Return the foreground of each body: the voxels whose centre lies inside."""
    patches = []
    for body in solid:
        box = find_box(body, grid)
        patches.append(Patch(box, compute_depth(body, grid, box) <= 1.0))
    return patches


def paint(parts: list[Patch], grid: Grid) -> NDArray[np.uint8]:
    """Return the mask of a whole grid (z, y, x; 0 and 1)."""
    mask = np.zeros(grid.size[::-1], np.uint8)
    for part in parts:
        mask[part.box] |= part.inside
    return mask


def carry(mask: NDArray[np.uint8], source: Grid, target: Grid) -> NDArray[np.uint8]:
    """Return the mask's voxel in which each voxel centre of another grid lies; 0 outside.

    The grids of a case share their axes and their first voxel centre. A centre on the face of two
    voxels, to a millionth, goes to the upper one.
    """
    if source == target:
        return mask
    indices = []
    lines = target.list_centres(target.box)
    for line, spacing, size in zip(lines, source.spacing[::-1], mask.shape, strict=True):
        index = np.floor(np.round(line / spacing, _DECIMALS) + 0.5).astype(np.intp)
        indices.append(index[index < size])
    # Axes that shrink come first, so that each step has as little to move as can be.
    for axis in sorted(range(3), key=lambda axis: len(indices[axis]) / mask.shape[axis]):
        mask = mask.take(indices[axis], axis)
    whole = np.zeros(target.size[::-1], np.uint8)
    whole[tuple(slice(n) for n in mask.shape)] = mask
    return whole


def fit_count(body: Body, grid: Grid, count: int) -> Body:
    """Scale a body so that exactly `count` voxel centres of the grid lie inside."""
    near = scale(body, 1.15)
    box = find_box(near, grid)
    values = compute_depth(body, grid, box).ravel()
    ordered = np.partition(values, (count - 1, count))
    return scale(body, float(ordered[count - 1] + ordered[count]) / 2)


def fit_volume(body: Body, volume: float) -> Body:
    """Scale a body to an analytic volume in mm3."""
    return scale(body, float((volume / measure(body).volume) ** (1 / 3)))


def _compute_surface(
    lobes: tuple[Lobe, ...], directions: NDArray[np.float64]
) -> NDArray[np.float64]:
    radius = np.ones(len(directions))
    for direction, height in lobes:
        radius += _compute_lobe(directions @ np.array(direction), height)
    return radius


def _compute_lobe(cosine: NDArray[np.float64], height: float) -> NDArray[np.float64]:
    term = 0.5 + 0.5 * cosine
    for _ in range(3):
        term *= term
    term *= height
    return term


@lru_cache(maxsize=1)
def _make_sphere() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    cosine, weight = np.polynomial.legendre.leggauss(_POLAR_NODES)
    azimuth = np.arange(_AZIMUTH_NODES) * (2 * pi / _AZIMUTH_NODES)
    sine = np.sqrt(1 - cosine**2)
    directions = np.stack(
        [
            np.outer(sine, np.cos(azimuth)).ravel(),
            np.outer(sine, np.sin(azimuth)).ravel(),
            np.repeat(cosine, _AZIMUTH_NODES),
        ],
        axis=1,
    )
    return directions, np.repeat(weight, _AZIMUTH_NODES) * (2 * pi / _AZIMUTH_NODES)
