"""Voxels in and around a mask, and how far each lies from the mask's border."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from etl.measure.arrays import Array
from etl.measure.grids import invert, measure_lengths, measure_spacing, to_mm
from etl.measure.mask import crop, find_surface

MAX_TRANSFORMED = 1 << 21  # voxels
_ROUNDING = 1e-9  # mm: a step of 5 mm is no longer than a margin of 5 mm


@dataclass(frozen=True, slots=True)
class _Border:
    """A mask in its box and some more. `surface` and `shell`: its voxels on either side.

    `origin`: voxel index of the box's corner, which may lie outside the grid. `in_grid`: the part
    of the box that does not.
    """

    inside: Array
    surface: Array
    shell: Array
    in_grid: tuple[slice, ...]
    origin: Array


def measure_border_distance(
    bits: Array, affine: Array, margin_mm: float, others: Array
) -> tuple[Array, Array | None]:
    """Return the voxels near a mask, and others, with their signed distance to its border.

    Outside it is the distance to the nearest foreground voxel; inside, negative, that to the
    nearest background voxel of the grid; between voxel centres, so never 0. It is the exact
    Euclidean distance transform (Maurer, Qi and Raghavan, IEEE PAMI 25(2):265-270, 2003) of the
    mask and of its complement.

    Args:
        bits: bool, shape (x, y, z).
        affine: voxel index to world mm, 4x4.
        margin_mm: how far from a foreground voxel's centre is near.
        others: bool, shape of `bits`: further voxels.

    Returns:
        Positions in Fortran order of the grid, ascending, and distances in mm, both of shape (n,).
        No distances where the mask is empty or fills the grid: it has no border.
    """
    steps = _list_steps(affine, margin_mm)
    border = _find_border(bits, np.abs(steps).max(axis=0, initial=0) + 1)
    chosen = np.asfortranarray(bits | others)
    if border is None:
        return np.flatnonzero(chosen.ravel(order="F")), None
    rank = _rank_steps(border.surface, steps)
    start = np.maximum(border.origin, 0)
    size = border.inside[border.in_grid].shape
    box = tuple(slice(a, a + n) for a, n in zip(start.tolist(), size, strict=True))
    chosen[box] |= (rank < len(steps))[border.in_grid]
    positions = np.flatnonzero(chosen.ravel(order="F"))
    rank[border.inside] = _rank_steps(border.shell, steps)[border.inside]
    return positions, _sign_distances(border, affine, rank, steps, positions, bits)


def _sign_distances(
    border: _Border, affine: Array, rank: Array, steps: Array, positions: Array, bits: Array
) -> Array:
    """Return the signed distances of voxels, by the step that leads there or by a search."""
    from scipy.spatial import KDTree

    index = np.stack(np.unravel_index(positions, bits.shape, order="F"), axis=1) - border.origin
    is_in_box = ((index >= 0) & (index < border.inside.shape)).all(axis=1)
    lengths = np.append(measure_lengths(to_mm(steps, affine)), np.nan)
    distance = np.full(len(positions), np.nan)
    distance[is_in_box] = lengths[rank[tuple(index[is_in_box].T)]]
    is_inside = bits.ravel(order="F")[positions]
    deep = np.flatnonzero(is_inside & np.isnan(distance))
    depth = _transform_inside(border, affine) if deep.size else None
    if depth is not None:
        distance[deep] = depth[tuple(index[deep].T)]
    for side, across in ((~is_inside, border.surface), (is_inside, border.shell)):
        far = side & np.isnan(distance)
        if far.any():
            tree = KDTree(to_mm(np.argwhere(across), affine))
            distance[far] = tree.query(to_mm(index[far], affine))[0]
    return np.where(is_inside, -distance, distance)


def _transform_inside(border: _Border, affine: Array) -> Array | None:
    """Return the distance of each voxel of the box to the background of the grid.

    None where the grid's axes are not at right angles or the transform would take much memory
    (60 bytes per voxel): a search per voxel does without, but takes longer.
    """
    from scipy.ndimage import distance_transform_edt

    axes = affine[:3, :3]
    products = [abs(float((axes[:, a] * axes[:, b]).sum())) for a, b in ((0, 1), (0, 2), (1, 2))]
    if border.inside.size > MAX_TRANSFORMED or max(products) > _ROUNDING:
        return None
    beyond = np.ones_like(border.inside)  # what lies outside the grid is no background
    beyond[border.in_grid] = border.inside[border.in_grid]
    depth: Array = distance_transform_edt(beyond, sampling=measure_spacing(affine))
    return depth


def _find_border(bits: Array, pad: Array) -> _Border | None:
    """Return a mask in its box with some voxels around; None where it has no border."""
    foreground = crop(bits)
    if foreground is None:
        return None
    inside = np.pad(foreground.inside, [(n, n) for n in pad])
    origin = np.array(foreground.start) - pad
    ends = zip(origin.tolist(), bits.shape, strict=True)
    in_grid = tuple(slice(max(0, -start), size - start) for start, size in ends)
    shell = np.zeros_like(inside)
    shell[in_grid] = (_find_neighbours(inside) & ~inside)[in_grid]
    if not shell.any():
        return None
    return _Border(inside, find_surface(inside), shell, in_grid, origin)


def _find_neighbours(inside: Array) -> Array:
    """Return the voxels with a face neighbour in the foreground."""
    neighbours = np.zeros_like(inside)
    for axis in range(inside.ndim):
        along, to = np.moveaxis(inside, axis, 0), np.moveaxis(neighbours, axis, 0)
        to[1:] |= along[:-1]
        to[:-1] |= along[1:]
    return neighbours


def _list_steps(affine: Array, margin_mm: float) -> Array:
    """Return the steps between voxels that are no longer than a margin, short ones first."""
    reach = [math.hypot(*row) * margin_mm + _ROUNDING for row in invert(affine)[:3, :3].tolist()]
    ranges = [range(-math.floor(n), math.floor(n) + 1) for n in reach]
    steps = np.array(list(itertools.product(*ranges)))
    length = measure_lengths(to_mm(steps, affine))
    order = np.argsort(length, kind="stable")
    chosen: Array = steps[order[(length[order] <= margin_mm + _ROUNDING) & (length[order] > 0)]]
    return chosen


def _rank_steps(starts: Array, steps: Array) -> Array:
    """Return for each voxel the number of the shortest step that leads to it; else how many.

    Args:
        starts: bool, where steps begin: no step is as long as their distance from the ends.
        steps: in voxels, shape (n, 3), short ones first.
    """
    strides = np.cumprod((1, *starts.shape[:2]))
    flat = np.full(starts.size, len(steps), np.min_scalar_type(len(steps)))
    positions = np.flatnonzero(starts.ravel(order="F"))
    for number, step in reversed(list(enumerate((steps * strides).sum(axis=1).tolist()))):
        flat[positions + step] = number  # a shorter one is written over it
    return flat.reshape(starts.shape, order="F")
