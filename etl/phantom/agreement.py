"""How far the readers of a case agree: the truth about each pair of masks.

Masks are the implicit functions at voxel centres; distances come from a distance transform of
the box that holds both masks.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from etl.phantom import shapes
from etl.phantom.grids import Grid, Plan
from etl.phantom.truth import Reading, Row

Bits = NDArray[np.bool_]  # z, y, x
Distances = NDArray[np.float64]

_PERCENTILE = 95


def measure_pairs(plan: Plan, readings: tuple[Reading, ...]) -> list[Row]:
    """Return rows on every pair, named `<mask a>|<mask b>` in the order of the readings."""
    return [
        (plan.case_id, f"{a.name}|{b.name}", quantity, value)
        for a, b in combinations(readings, 2)
        for quantity, value in _measure_pair(a, b).items()
    ]


def _measure_pair(a: Reading, b: Reading) -> dict[str, float]:
    """Compare both on the grid of `a`; volumes are from each mask's own grid."""
    first, second = _crop_together(_paint(a, a.grid), _paint(b, a.grid))
    spacing = a.grid.spacing[::-1]
    n_one, n_other, n_both = (
        int(np.count_nonzero(bits)) for bits in (first, second, first & second)
    )
    forth, back = (
        _measure_surface_distances(first, second, spacing),
        _measure_surface_distances(second, first, spacing),
    )
    volumes = [sum(p.count for p in r.parts) * r.grid.voxel_volume for r in (a, b)]
    return {
        "dice": 2 * n_both / (n_one + n_other),
        "jaccard": n_both / (n_one + n_other - n_both),
        "hausdorff_mm": float(max(forth.max(), back.max())),
        "hausdorff95_mm": float(max(np.percentile(d, _PERCENTILE) for d in (forth, back))),
        "assd_mm": float(np.concatenate([forth, back]).mean()),
        "volume_ratio": volumes[0] / volumes[1],
        "volume_difference_cm3": (volumes[0] - volumes[1]) / 1000,
        "centroid_distance_mm": _measure_centroid_distance(first, second, spacing),
        "a_inside_b_fraction": n_both / n_one,
        "b_inside_a_fraction": n_both / n_other,
    }


def _paint(reading: Reading, grid: Grid) -> Bits:
    """Return the mask, carried where another grid is asked for."""
    mask = shapes.paint(reading.parts, reading.grid)
    return shapes.carry(mask, reading.grid, grid).astype(bool)


def _crop_together(first: Bits, second: Bits) -> tuple[Bits, Bits]:
    (box,) = ndimage.find_objects((first | second).astype(np.uint8))
    return first[box], second[box]


def _measure_surface_distances(first: Bits, second: Bits, spacing: tuple[float, ...]) -> Distances:
    """Return how far each surface voxel of `first` is from the nearest of `second`, mm."""
    edges = [bits & ~ndimage.binary_erosion(bits) for bits in (first, second)]
    away: Distances = ndimage.distance_transform_edt(~edges[1], sampling=spacing)
    return away[edges[0]]


def _measure_centroid_distance(first: Bits, second: Bits, spacing: tuple[float, ...]) -> float:
    centres = [np.argwhere(bits).mean(axis=0) * spacing for bits in (first, second)]
    return float(np.sqrt(np.sum((centres[0] - centres[1]) ** 2)))
