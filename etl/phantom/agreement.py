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


def of_case(plan: Plan, readings: tuple[Reading, ...]) -> list[Row]:
    """Rows on every pair, named `<mask a>|<mask b>` in the order of the readings."""
    return [
        (plan.case_id, f"{a.name}|{b.name}", quantity, value)
        for a, b in combinations(readings, 2)
        for quantity, value in _of_pair(a, b).items()
    ]


def _of_pair(a: Reading, b: Reading) -> dict[str, float]:
    """Both on the grid of `a`; volumes from each one's own grid."""
    one, other = _in_one_box(_painted(a, a.grid), _painted(b, a.grid))
    spacing = a.grid.spacing[::-1]
    n_one, n_other, n_both = (int(np.count_nonzero(bits)) for bits in (one, other, one & other))
    there, back = _surface_distances(one, other, spacing), _surface_distances(other, one, spacing)
    volumes = [sum(p.count for p in r.parts) * r.grid.voxel_volume for r in (a, b)]
    return {
        "dice": 2 * n_both / (n_one + n_other),
        "jaccard": n_both / (n_one + n_other - n_both),
        "hausdorff_mm": float(max(there.max(), back.max())),
        "hausdorff95_mm": float(max(np.percentile(d, _PERCENTILE) for d in (there, back))),
        "assd_mm": float(np.concatenate([there, back]).mean()),
        "volume_ratio": volumes[0] / volumes[1],
        "volume_difference_cm3": (volumes[0] - volumes[1]) / 1000,
        "centroid_distance_mm": _centroid_distance(one, other, spacing),
        "a_inside_b_fraction": n_both / n_one,
        "b_inside_a_fraction": n_both / n_other,
    }


def _painted(reading: Reading, grid: Grid) -> Bits:
    """The mask, carried where another grid is asked for."""
    mask = shapes.paint(reading.parts, reading.grid)
    return shapes.carried(mask, reading.grid, grid).astype(bool)


def _in_one_box(one: Bits, other: Bits) -> tuple[Bits, Bits]:
    (box,) = ndimage.find_objects((one | other).astype(np.uint8))
    return one[box], other[box]


def _surface_distances(one: Bits, other: Bits, spacing: tuple[float, ...]) -> Distances:
    """Distance in mm of each surface voxel of `one` to the nearest surface voxel of `other`."""
    edges = [bits & ~ndimage.binary_erosion(bits) for bits in (one, other)]
    away: Distances = ndimage.distance_transform_edt(~edges[1], sampling=spacing)
    return away[edges[0]]


def _centroid_distance(one: Bits, other: Bits, spacing: tuple[float, ...]) -> float:
    centres = [np.argwhere(bits).mean(axis=0) * spacing for bits in (one, other)]
    return float(np.sqrt(np.sum((centres[0] - centres[1]) ** 2)))
