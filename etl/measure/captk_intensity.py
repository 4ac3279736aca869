"""First-order statistics as CaPTk defines them, its faults included.

Source: CBICA/CaPTk, src/cbica_toolkit/cbicaStatistics.h (read at cb905e9) and CalculateIntensity
in src/applications/FeatureExtraction/src/FeatureExtraction.hxx (read at 9c0e70a). CaPTk holds
voxels as float32; here all is float64, which differs by less than the ten digits that it writes.
"""

from __future__ import annotations

import numpy as np

from etl.measure.arrays import Array

Values = dict[str, float]


def measure_intensities(values: Array) -> Values:
    """Return the family Intensity: statistic -> value, NaN where CaPTk divides by zero.

    Args:
        values: scaled values inside the mask, finite, any order; at least one.

    Returns:
        19 statistics. MeanAbsoluteDeviation is not among them: CaPTk sums signed deviations from
        the mean, so that what it prints is rounding noise.
    """
    return compute_statistics(np.sort(values.astype(np.float64), axis=None))


def compute_statistics(ordered: Array) -> Values:
    """Return the statistics of any numbers, ascending.

    Variance over n - 1. Kurtosis is not excess. MedianAbsoluteDeviation is the mean minus the
    median, signed, in spite of its name.

    Args:
        ordered: float64, ascending.
    """
    n = ordered.size
    mean = float(ordered.sum()) / n
    median = float(np.median(ordered))
    energy = float((ordered * ordered).sum())
    deviation = ordered - mean
    variance = divide(float((deviation * deviation).sum()), n - 1)
    sd = variance**0.5
    score = deviation / sd if sd > 0 else np.full(n, np.nan)
    low, high = find_percentile(ordered, 25), find_percentile(ordered, 75)
    return {
        "Minimum": float(ordered[0]),
        "Maximum": float(ordered[-1]),
        "Range": float(ordered[-1] - ordered[0]),
        "Mean": mean,
        "Sum": float(ordered.sum()),
        "Mode": find_mode(ordered),
        "Median": median,
        "Variance": variance,
        "StandardDeviation": sd,
        "Skewness": float((score**3).sum()) / n,
        "Kurtosis": float((score**4).sum()) / n,
        "Energy": energy,
        "RootMeanSquare": (energy / n) ** 0.5,
        "TenthPercentile": find_percentile(ordered, 10),
        "NinetiethPercentile": find_percentile(ordered, 90),
        "InterQuartileRange": high - low,
        "MedianAbsoluteDeviation": mean - median,
        "CoefficientOfVariation": divide(sd, mean),
        "QuartileCoefficientOfVariation": divide(high - low, high + low),
    }


def find_percentile(ordered: Array, p: int) -> float:
    """Return the value at index floor(p n / 100) of ascending values (GetNthPercentileElement)."""
    return float(ordered[p * ordered.size // 100])


def find_mode(ordered: Array) -> float:
    """Return the least of the most frequent values; the greatest never wins where others are.

    CaPTk (GetMode) compares a run of equal values when the next one begins, so the last never.
    """
    levels, times = np.unique(ordered, return_counts=True)
    if levels.size == 1:
        return float(levels[0])
    return float(levels[np.argmax(times[:-1])])


def divide(numerator: float, denominator: float) -> float:
    """Return a quotient, NaN where the denominator is 0."""
    return numerator / denominator if denominator else float("nan")
