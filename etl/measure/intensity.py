"""Statistics of an image's scaled values, in float64 over the finite ones.

Standard deviation with ddof 0; percentiles exact, linear between order statistics (Hyndman and
Fan 1996, type 7).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from etl.measure.arrays import Array, keep_finite
from etl.measure.sorting import sort_voxels

PERCENTILES = (1.0, 50.0, 99.0)
BLOCK = 1 << 17  # voxels: as float64 they fit a cache; a whole volume would take hundreds of MB
SMALL_BYTES = 2  # integers of up to 16 bits are counted, not sorted


@dataclass(frozen=True, slots=True)
class Intensity:
    """Statistics of one volume; the first seven are None where nothing finite is to be had."""

    minimum: float | None
    maximum: float | None
    mean: float | None
    std: float | None
    p01: float | None
    p50: float | None
    p99: float | None
    n_nonfinite: int
    n_at_dtype_max: int


def measure_intensity(voxels: Array, slope: float = 1.0, inter: float = 0.0) -> Intensity:
    """Return statistics of `stored * slope + inter`.

    Args:
        voxels: stored values, any shape, integer or float.
        slope: NIfTI scl_slope, 1 for none.
        inter: NIfTI scl_inter, 0 for none.
    """
    flat = voxels.ravel(order="K")
    if flat.dtype.kind == "f":
        return _measure_floats(flat, slope, inter)
    at_maximum = np.iinfo(flat.dtype).max
    if flat.dtype.itemsize <= SMALL_BYTES:
        return _measure_counts(flat, slope, inter, at_maximum)
    return _measure_sorted(np.sort(flat), slope, inter, 0, int((flat == at_maximum).sum()))


def digest_intensity(voxels: Array, slope: float = 1.0, inter: float = 0.0) -> str:
    """Return a hash of size and scaled values, to float32's precision, shape (x, y, z).

    Equal for equal images, whatever type, slope, header or packing they are stored with.
    """
    digest = hashlib.blake2b(repr(voxels.shape).encode(), digest_size=16)
    # Integers of 64 bits are rounded to float64 before they are to float32.
    is_scaled = (slope, inter) != (1, 0) or voxels.dtype.itemsize > np.dtype(np.float32).itemsize
    with np.errstate(over="ignore", invalid="ignore"):
        for block in _split_blocks(voxels.ravel(order="F")):
            scaled = block.astype(np.float64) * slope + inter if is_scaled else block
            unsigned_zeros = np.add(scaled, 0, dtype="<f4", casting="unsafe")
            digest.update(unsigned_zeros.data)
    return digest.hexdigest()


def _measure_floats(flat: Array, slope: float, inter: float) -> Intensity:
    ordered = sort_voxels(flat)  # infinities go to the ends, NaN behind all
    # Of the array's own type: for any other, searchsorted copies the array.
    infinity, nan = flat.dtype.type(np.inf), flat.dtype.type(np.nan)
    ordered = ordered[: int(np.searchsorted(ordered, nan))]
    first = int(np.searchsorted(ordered, -infinity, side="right"))
    last = int(np.searchsorted(ordered, infinity, side="left"))
    finite = ordered[first:last]
    return _measure_sorted(finite, slope, inter, int(flat.size - finite.size), 0)


def _measure_sorted(
    ordered: Array, slope: float, inter: float, n_nonfinite: int, n_at_max: int
) -> Intensity:
    """Return statistics of values in ascending stored order."""
    if not ordered.size:
        return Intensity(None, None, None, None, None, None, None, n_nonfinite, n_at_max)
    mean, variance = _measure_moments(ordered)

    def find_value(rank: int) -> float:
        return float(ordered[rank])

    return _scale_statistics(
        find_value, ordered.size, mean, variance, (slope, inter), (n_nonfinite, n_at_max)
    )


@np.errstate(over="ignore", invalid="ignore")
def _measure_moments(ordered: Array) -> tuple[float, float]:
    """Return mean and variance (ddof 0) in float64, one pass, block by block.

    Centred on the median: it lies within one standard deviation of the mean, so little cancels.
    """
    median = float(ordered[ordered.size // 2])
    scratch = np.empty(min(BLOCK, ordered.size))
    sums, squares = [], []
    for block in _split_blocks(ordered):
        centred = scratch[: block.size]
        centred[:] = block
        centred -= median
        sums.append(centred.sum())
        np.multiply(centred, centred, out=centred)
        squares.append(centred.sum())
    offset = float(np.sum(sums)) / ordered.size
    variance = float(np.sum(squares)) / ordered.size - offset * offset
    return median + offset, variance if not variance < 0 else 0.0


def _split_blocks(flat: Array) -> Iterator[Array]:
    return (flat[start : start + BLOCK] for start in range(0, flat.size, BLOCK))


def _measure_counts(flat: Array, slope: float, inter: float, at_maximum: int) -> Intensity:
    """Return statistics from a histogram over every stored value: one pass, no sort."""
    lowest = int(np.iinfo(flat.dtype).min)
    counts = _count_values(flat)
    present = np.flatnonzero(counts)
    values, counts = present.astype(np.int64) + lowest, counts[present]
    mean = int((values * counts).sum()) / flat.size
    centred = values - mean
    variance = math.fsum((centred * centred * counts).tolist()) / flat.size
    upto = np.cumsum(counts)

    def find_value(rank: int) -> float:
        return float(values[np.searchsorted(upto, rank, side="right")])

    n_at_max = int(counts[-1]) if values[-1] == at_maximum else 0
    return _scale_statistics(find_value, flat.size, mean, variance, (slope, inter), (0, n_at_max))


def _count_values(flat: Array) -> Array:
    """Count every value that the type can hold, from its least on."""
    unsigned = flat.view(f"u{flat.dtype.itemsize}")  # negative values come behind the others
    counts = np.zeros(1 << (8 * flat.dtype.itemsize), np.int64)
    scratch = np.empty(min(BLOCK, flat.size), np.intp)
    for block in _split_blocks(unsigned):
        scratch[: block.size] = block
        part = np.bincount(scratch[: block.size])
        counts[: part.size] += part
    return np.roll(counts, counts.size // 2) if flat.dtype.kind == "i" else counts


def _scale_statistics(
    find_value: Callable[[int], float],
    size: int,
    mean: float,
    variance: float,
    scaling: tuple[float, float],
    tallies: tuple[int, int],
) -> Intensity:
    """Return order statistics and moments of stored values, carried to scaled ones."""
    slope, inter = scaling

    def find_percentile(percent: float) -> float:
        position = (size - 1) * (percent if slope > 0 else 100.0 - percent) / 100.0
        below = math.floor(position)
        low, high = find_value(below), find_value(min(below + 1, size - 1))
        return (low + (high - low) * (position - below)) * slope + inter

    ends = sorted((find_value(0) * slope + inter, find_value(size - 1) * slope + inter))
    std = math.sqrt(variance) * abs(slope)
    fields = (*ends, mean * slope + inter, std, *map(find_percentile, PERCENTILES))
    # Values beyond arithmetic (a voxel of 1e308) have no mean in float64.
    low, high, middle, spread, p01, p50, p99 = map(keep_finite, fields)
    return Intensity(low, high, middle, spread, p01, p50, p99, *tallies)
