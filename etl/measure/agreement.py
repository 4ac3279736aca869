"""How far two masks of one grid agree: overlap, and distances between their surfaces.

A surface voxel is a foreground voxel with a face neighbour in the background; what lies outside
the grid is background. Distances are between voxel centres in world mm.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from etl.measure.arrays import Array
from etl.measure.grids import to_mm
from etl.measure.mask import Foreground, find_centroid, find_surface, place

if TYPE_CHECKING:
    from scipy.spatial import KDTree


_PERCENTILE = 95


@dataclass(frozen=True, slots=True)
class Agreement:
    """Overlap and distances of a mask a and a mask b, both with foreground.

    hausdorff: the larger of the two directed maxima; hausdorff95: the larger of the two directed
    95th percentiles (linear between order statistics); assd: mean over the surface voxels of
    both masks of the distance to the other surface. None where a surface is above the limit.
    """

    dice: float
    jaccard: float
    hausdorff_mm: float | None
    hausdorff95_mm: float | None
    assd_mm: float | None
    centroid_distance_mm: float
    a_inside_b_fraction: float
    b_inside_a_fraction: float


def measure_agreement(
    a: Foreground | None, b: Foreground | None, affine: Array, max_surface: int
) -> Agreement | None:
    """Compare two foregrounds of one grid; None where one of them is empty.

    Args:
        a: foreground of one mask in its box.
        b: foreground of the other.
        affine: voxel index of the grid to world mm; only its 3x3 part matters.
        max_surface: voxels of a surface from which on no distance is measured.
    """
    if a is None or b is None:
        return None
    first, second = _crop_to_joint_box(a, b)
    n_both = int(np.count_nonzero(first & second))
    n_sum = a.voxel_count + b.voxel_count
    greatest, percentile, mean = _measure_distances(
        find_surface(first), find_surface(second), affine, max_surface
    )
    apart = to_mm(find_centroid(a) - find_centroid(b), affine)[0]
    return Agreement(
        dice=2 * n_both / n_sum,
        jaccard=n_both / (n_sum - n_both),
        hausdorff_mm=greatest,
        hausdorff95_mm=percentile,
        assd_mm=mean,
        centroid_distance_mm=math.hypot(*apart.tolist()),
        a_inside_b_fraction=n_both / a.voxel_count,
        b_inside_a_fraction=n_both / b.voxel_count,
    )


def _measure_distances(
    first: Array, second: Array, affine: Array, max_surface: int
) -> tuple[float, float, float] | tuple[None, None, None]:
    """Return greatest, 95th percentile and mean; None for noise, too large to search."""
    if max(np.count_nonzero(first), np.count_nonzero(second)) > max_surface:
        return None, None, None
    forth, back = measure_surface_distances(first, second, affine)
    greatest = float(max(forth.max(), back.max()))
    percentile = float(max(np.percentile(d, _PERCENTILE) for d in (forth, back)))
    mean = (float(forth.sum()) + float(back.sum())) / (forth.size + back.size)
    return greatest, percentile, mean


def measure_surface_distances(first: Array, second: Array, affine: Array) -> tuple[Array, Array]:
    """Return how far each surface voxel of a mask is from the nearest of the other, both ways, mm.

    Args:
        first: surface of one mask, bool, shape (x, y, z).
        second: surface of the other, the same shape.
        affine: voxel index to world mm.

    Returns:
        One distance per voxel of `first` to `second`, ascending; then back.
    """
    from scipy.spatial import KDTree

    # Readers agree on much of a surface: what lies on both is 0 away, and asks no tree.
    shared = first & second
    trees = [KDTree(_locate_voxels(bits, affine)) for bits in (first, second)]
    return _find_nearest(first, shared, trees[1], affine), _find_nearest(
        second, shared, trees[0], affine
    )


def _crop_to_joint_box(a: Foreground, b: Foreground) -> tuple[Array, Array]:
    """Return both foregrounds in the smallest box that holds both."""
    parts = zip(a.slices, b.slices, strict=True)
    box = tuple(slice(min(s.start, t.start), max(s.stop, t.stop)) for s, t in parts)
    return place(a, box), place(b, box)


def _find_nearest(edge: Array, shared: Array, tree: KDTree, affine: Array) -> Array:
    places = _locate_voxels(edge & ~shared, affine)
    away = np.sort(tree.query(places)[0]) if len(places) else np.empty(0)
    return np.concatenate([np.zeros(int(np.count_nonzero(shared))), away])


def _locate_voxels(bits: Array, affine: Array) -> Array:
    """Return the positions of the voxels that are set, mm, without the offset, shape (n, 3)."""
    z, y, x = np.nonzero(bits.T)  # in the order in which they lie in memory
    return to_mm(np.stack([x, y, z], axis=1), affine)
