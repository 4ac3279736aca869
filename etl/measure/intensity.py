"""Statistics of an image's scaled values, in float64 over the finite ones.

Standard deviation with ddof 0; percentiles exact, linear between order statistics (Hyndman and
Fan 1996, type 7).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

PERCENTILES = (1.0, 50.0, 99.0)
BLOCK = 1 << 20  # voxels: a float64 copy of the largest volume would take 609 MB
SMALL_BYTES = 2  # integers of up to 16 bits are counted, not sorted


@dataclass(frozen=True, slots=True)
class Intensity:
    """Statistics of one volume; the first seven are None where no value is finite."""

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
    """Statistics of `stored * slope + inter`.

    Args:
        voxels: stored values, any shape, integer or float.
        slope: NIfTI scl_slope, 1 for none.
        inter: NIfTI scl_inter, 0 for none.
    """
    flat = voxels.ravel(order="K")
    if flat.dtype.kind == "f":
        return _of_floats(flat, slope, inter)
    at_maximum = np.iinfo(flat.dtype).max
    if flat.dtype.itemsize <= SMALL_BYTES:
        return _of_counts(flat, slope, inter, at_maximum)
    return _of_sorted(np.sort(flat), slope, inter, 0, int((flat == at_maximum).sum()))


def _of_floats(flat: Array, slope: float, inter: float) -> Intensity:
    ordered = np.sort(flat)  # infinities go to the ends, NaN behind all
    n_nan = int(ordered.size - np.searchsorted(ordered, np.nan))
    ordered = ordered[: ordered.size - n_nan]
    first = int(np.searchsorted(ordered, -np.inf, side="right"))
    last = int(np.searchsorted(ordered, np.inf, side="left"))
    finite = ordered[first:last]
    return _of_sorted(finite, slope, inter, int(flat.size - finite.size), 0)


def _of_sorted(
    ordered: Array, slope: float, inter: float, n_nonfinite: int, n_at_max: int
) -> Intensity:
    """Statistics of values in ascending stored order."""
    if not ordered.size:
        return Intensity(None, None, None, None, None, None, None, n_nonfinite, n_at_max)
    mean, variance = _moments(ordered)

    def value_at(rank: int) -> float:
        return float(ordered[rank])

    return _scaled(value_at, ordered.size, mean, variance, (slope, inter), (n_nonfinite, n_at_max))


def _moments(values: Array) -> tuple[float, float]:
    """Mean and variance (ddof 0) in float64, two passes, block by block."""
    blocks = range(0, values.size, BLOCK)
    total = math.fsum(float(np.sum(values[i : i + BLOCK], dtype=np.float64)) for i in blocks)
    mean = total / values.size
    squares = math.fsum(_squares(values[i : i + BLOCK], mean) for i in blocks)
    return mean, squares / values.size


def _squares(block: Array, mean: float) -> float:
    centred = block.astype(np.float64)
    centred -= mean
    np.multiply(centred, centred, out=centred)
    return float(centred.sum())


def _of_counts(flat: Array, slope: float, inter: float, at_maximum: int) -> Intensity:
    """The same from a histogram over every stored value: one pass, no sort."""
    lowest = int(np.iinfo(flat.dtype).min)
    unsigned = flat.view(f"u{flat.dtype.itemsize}") ^ np.array(
        lowest & (2 ** (8 * flat.dtype.itemsize) - 1), f"u{flat.dtype.itemsize}"
    )
    counts = np.bincount(unsigned, minlength=1)
    present = np.flatnonzero(counts)
    values, counts = present.astype(np.int64) + lowest, counts[present]
    mean = int((values * counts).sum()) / flat.size
    centred = values - mean
    variance = math.fsum((centred * centred * counts).tolist()) / flat.size
    upto = np.cumsum(counts)

    def value_at(rank: int) -> float:
        return float(values[np.searchsorted(upto, rank, side="right")])

    n_at_max = int(counts[-1]) if values[-1] == at_maximum else 0
    return _scaled(value_at, flat.size, mean, variance, (slope, inter), (0, n_at_max))


def _scaled(
    value_at: Callable[[int], float],
    size: int,
    mean: float,
    variance: float,
    scaling: tuple[float, float],
    tallies: tuple[int, int],
) -> Intensity:
    """Order statistics and moments of the stored values, carried to the scaled ones."""
    slope, inter = scaling

    def percentile(percent: float) -> float:
        position = (size - 1) * (percent if slope > 0 else 100.0 - percent) / 100.0
        below = math.floor(position)
        low, high = value_at(below), value_at(min(below + 1, size - 1))
        return (low + (high - low) * (position - below)) * slope + inter

    ends = sorted((value_at(0) * slope + inter, value_at(size - 1) * slope + inter))
    p01, p50, p99 = map(percentile, PERCENTILES)
    std = math.sqrt(variance) * abs(slope)
    return Intensity(ends[0], ends[1], mean * slope + inter, std, p01, p50, p99, *tallies)
