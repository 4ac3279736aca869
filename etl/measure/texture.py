"""The engine's texture families with the same values to the last bit, in a tenth of the time.

What is replaced are loops over grey levels and pairs of them, and the sorting of runs along lines.
Counts are whole numbers, in whatever order they are made; where the engine adds floats one after
the other, so does `_add_up`.
"""

from __future__ import annotations

import math
from functools import cache

import cc3d
import numpy as np
from scipy.ndimage import distance_transform_cdt
from zrad.exceptions import DataStructureError
from zrad.radiomics.glcm import GLCM
from zrad.radiomics.gldzm import GLDZM
from zrad.radiomics.glrlm import GLRLM
from zrad.radiomics.glszm import GLSZM
from zrad.radiomics.ngtdm import NGTDM

from etl.measure.arrays import Array
from etl.measure.mask import DIRECTIONS


def _add_up(terms: Array) -> float:
    """Add one term after the other, as a loop does: `sum` adds in pairs and rounds otherwise."""
    return float(np.add.accumulate(terms.ravel())[-1])


@cache
def _sort_cells(n: int, sign: int) -> tuple[Array, Array]:
    """Order the cells of an (n, n) matrix by |i - j| or i + j: their order, where groups begin."""
    level = np.arange(n)
    group = np.abs(level[:, None] + sign * level).ravel()
    return np.argsort(group, kind="stable"), np.cumsum(np.bincount(group))[:-1]


def _sum_groups(matrix: Array, sign: int) -> Array:
    order, starts = _sort_cells(len(matrix), sign)
    return np.array([cells.sum() for cells in np.split(matrix.ravel()[order], starts)])


class Cooccurrence(GLCM):  # type: ignore[misc]  # z-rad is not typed
    """Pairs of neighbours: the engine's sums over cells, without its loops over pairs of levels."""

    @staticmethod
    def _calc_p_minus(matrix: Array) -> Array:
        return _sum_groups(matrix, -1)

    @staticmethod
    def _calc_p_plus(matrix: Array) -> Array:
        return _sum_groups(matrix, 1)

    @classmethod
    def _calc_information_correlation_1(cls, matrix: Array) -> float:
        levels, products = _multiply_margins(matrix)
        expected = -_add_up(matrix[np.ix_(levels, levels)] * np.log2(products))
        shares = matrix.sum(axis=0)[levels]
        entropy = -np.sum(shares * np.log2(shares))
        return float((cls._calc_joint_entropy(matrix) - expected) / entropy)

    @classmethod
    def _calc_information_correlation_2(cls, matrix: Array) -> float:
        _, products = _multiply_margins(matrix)
        independent = -_add_up(products * np.log2(products))
        return float(np.sqrt(1 - np.exp(-2 * (independent - cls._calc_joint_entropy(matrix)))))


def _multiply_margins(matrix: Array) -> tuple[Array, Array]:
    """Find the levels that occur, and the product of the shares of each two of them."""
    marginal = matrix.sum(axis=0)
    levels = np.flatnonzero(marginal)
    return levels, np.multiply.outer(marginal[levels], marginal[levels])


class Runs(GLRLM):  # type: ignore[misc]  # z-rad is not typed
    """Runs of one grey level along lines, by their length."""

    @classmethod
    def _calc_3d_matrices(cls, image: Array, lvl: int) -> Array:
        levels = np.pad(_fill_outside(image), 1, constant_values=-1)
        _, n_y, n_z = levels.shape
        # In the engine's order, as it happens: means over the directions are rounded in it.
        steps = [(x * n_y + y) * n_z + z for x, y, z in DIRECTIONS]
        shape = (lvl, max(image.shape))
        return np.stack([_count_runs(levels.ravel(), step, shape) for step in steps])


def _fill_outside(image: Array) -> Array:
    """Make grey levels whole numbers, with -1 outside the region."""
    return np.where(np.isnan(image), -1, image).astype(np.int32)


def _count_runs(levels: Array, step: int, shape: tuple[int, int]) -> Array:
    """Count the runs of each level (row) and length from 1 on (column) along one direction.

    Args:
        levels: of voxels in a box, flat, -1 outside the region and around the box.
        step: from a voxel to the next one of its line.
        shape: of what is counted.
    """
    inside = np.flatnonzero(levels >= 0)
    ends = inside[levels[inside - step] != levels[inside]]  # of runs that are one voxel long so far
    counts = np.zeros(shape, np.int64)
    for length in range(shape[1]):
        goes_on = levels[ends + step] == levels[ends]
        counts[:, length] = np.bincount(levels[ends[~goes_on]], minlength=shape[0])
        ends = ends[goes_on] + step
    return counts


class Differences(NGTDM):  # type: ignore[misc]  # z-rad is not typed
    """Differences to the neighbours' mean; a matrix holds count and sum for each grey level."""

    @staticmethod
    def _calc_3d_matrix(image: Array, lvl: int) -> Array:
        is_inside = ~np.isnan(image)
        n_neighbours = _sum_neighbours(is_inside.astype(np.float64))
        means = _sum_neighbours(np.where(is_inside, image, 0.0))
        is_counted = is_inside & (n_neighbours > 0)
        levels = image[is_counted]
        apart = np.abs(levels - means[is_counted] / n_neighbours[is_counted])
        counts = np.bincount(levels.astype(np.intp), minlength=lvl)
        parts = np.split(apart[np.argsort(levels, kind="stable")], np.cumsum(counts)[:-1])
        return np.stack([counts, [part.sum() for part in parts]], axis=1).astype(np.float64)

    @staticmethod
    def _calc_contrast(matrix: Array) -> float:
        levels, n, _ = _split_columns(matrix)
        total = float(np.sum(n))
        if total == 0:
            message = "Denominator is zero in calc_contrast."  # as the engine says
            raise DataStructureError(message)
        weighted = np.multiply.outer(n, n) * np.subtract.outer(levels, levels) ** 2
        pairs = len(levels) * (len(levels) - 1) * total
        apart = float(np.sum(matrix[:, 1]))
        return _add_up(weighted / total**2) * apart / pairs if pairs else 0.0

    @staticmethod
    def _calc_busyness(matrix: Array) -> float:
        levels, n, sums = _split_columns(matrix)
        total = float(np.sum(n))
        weighted = levels * n
        apart = _add_up(np.abs(np.subtract.outer(weighted, weighted)) / total)
        return _add_up(n * sums / total) / apart if apart else 0.0

    @staticmethod
    def _calc_complexity(matrix: Array) -> float:
        levels, n, sums = _split_columns(matrix)
        total = float(np.sum(n))
        weighted = n * sums
        apart = np.abs(np.subtract.outer(levels, levels))
        shares = np.add.outer(weighted, weighted) * apart / total
        return _add_up(shares / (np.add.outer(n, n) / total)) / total

    @staticmethod
    def _calc_strength(matrix: Array) -> float:
        levels, n, _ = _split_columns(matrix)
        squares = np.subtract.outer(levels, levels) ** 2
        apart = float(np.sum(matrix[:, 1]))
        return _add_up(np.add.outer(n, n) * squares / np.sum(n)) / apart if apart else 0.0


def _split_columns(matrix: Array) -> tuple[Array, Array, Array]:
    """Take the grey levels that occur, and their counts and sums of differences."""
    levels = np.flatnonzero(matrix[:, 0])
    return levels, matrix[levels, 0], matrix[levels, 1]


def _sum_neighbours(values: Array) -> Array:
    """Sum the 26 neighbours of each voxel; nothing lies outside."""
    total = np.pad(values, 1)
    for axis in range(3):
        along = np.moveaxis(total, axis, 0)
        total = np.moveaxis(along[:-2] + along[1:-1] + along[2:], 0, axis)
    return total - values


class SizeZones(GLSZM):  # type: ignore[misc]  # z-rad is not typed
    """Zones of one grey level by their size."""

    @classmethod
    def _calc_glsz_3d_matrix(cls, image: Array, lvl: int) -> tuple[Array, int]:
        zones, levels = _find_zones(image)
        sizes = np.bincount(zones.ravel())[1:]
        widest = int(np.bincount(levels, sizes).max())  # as if one level were one zone
        return _count_zones(levels, sizes, (lvl, widest)), int(sizes.sum())


class DistanceZones(GLDZM):  # type: ignore[misc]  # z-rad is not typed
    """Zones of one grey level by their distance to the region's edge."""

    @classmethod
    def _calc_gldz_3d_matrix(cls, image: Array, mask: Array, lvl: int) -> tuple[Array, int]:
        zones, levels = _find_zones(image)
        to_edge = distance_transform_cdt(np.pad(mask, 1), metric="taxicab")[1:-1, 1:-1, 1:-1]
        nearest = np.full(levels.size + 1, to_edge.max())
        np.minimum.at(nearest, zones, to_edge)
        counts = _count_zones(levels, nearest[1:], (lvl, max(image.shape)))
        return counts, int(np.count_nonzero(zones))


def _find_zones(image: Array) -> tuple[Array, Array]:
    """Number the zones of all grey levels at once: each voxel's zone, and each zone's level.

    Zones are numbered from 1; 0 is what lies outside the region.
    """
    levels = _fill_outside(image)
    zones, n = cc3d.connected_components(levels + 1, connectivity=26, return_N=True)
    level_of_zone = np.empty(n + 1, np.intp)
    level_of_zone[zones] = levels
    return zones, level_of_zone[1:]


def _count_zones(levels: Array, numbers: Array, shape: tuple[int, int]) -> Array:
    """Count the zones of each level (row) and number from 1 on (column)."""
    cells = levels * shape[1] + numbers - 1
    return np.bincount(cells, minlength=math.prod(shape)).reshape(shape)
