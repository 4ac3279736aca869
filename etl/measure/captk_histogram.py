"""CaPTk's family Histogram: 128 bins over the region, and statistics of the bin numbers.

Source: CalculateHistogram in CBICA/CaPTk, FeatureExtraction.hxx (read at 9c0e70a), on ITK's
MaskedImageToHistogramFilter and Histogram (itkImageToHistogramFilter.hxx, itkHistogram.hxx; checked
against ITK 5.4.7). CaPTk sets the bins' minimum and maximum but leaves AutoMinimumMaximum on, so
that ITK takes the region's own and stretches the maximum by a hundredth of a bin.
"""

from __future__ import annotations

import numpy as np

from etl.measure.arrays import Array
from etl.measure.captk_intensity import Values, compute_statistics, divide, find_percentile

BINS = 128
MARGINAL_SCALE = 100.0  # ITK's default
# The lowest and the highest bin are never empty, so these say nothing.
CONSTANT = ("Minimum", "Maximum", "Range")


def measure_histogram(values: Array) -> Values:
    """Return the family Histogram: statistic -> value, NaN where CaPTk divides by zero.

    Args:
        values: scaled values inside the mask, finite, one dimension; at least one.

    Returns:
        `Bin-<n>_Frequency` and `Bin-<n>_Probability` of each bin and 25 statistics. All but
        FifthPercentile, NinetyFifthPercentile and their means are of bin numbers (from 0); these
        four are of intensities.
    """
    values = values.astype(np.float64)
    low, top = float(values.min()), float(values.max())
    high = top + (top - low) / BINS / MARGINAL_SCALE
    index = bin_index(values, low, high)
    times = np.bincount(index, minlength=BINS)
    share = times / values.size
    ordered = np.repeat(np.arange(BINS, dtype=np.float64), times)
    fields = compute_statistics(ordered)
    for name in CONSTANT:
        del fields[name]
    return {
        **fields,
        **_spread(share),
        **_summarize_order(ordered),
        **_measure_tails(values, times, low, high),
        **{f"Bin-{n}_Frequency": float(times[n]) for n in range(BINS)},
        **{f"Bin-{n}_Probability": float(share[n]) for n in range(BINS)},
    }


def bin_starts(low: float, high: float) -> Array:
    """Return where the bins begin, as ITK does: width and product in float32, the sum in float64.

    Source: itkHistogram.hxx, Initialize.
    """
    width = (np.float32(high) - np.float32(low)) / np.float32(BINS)
    starts: Array = low + (np.arange(BINS, dtype=np.float32) * width).astype(np.float64)
    return starts


def bin_index(values: Array, low: float, high: float) -> Array:
    """Return the bin (from 0) of each value from `low` to `high`; a bin holds its start."""
    index: Array = np.searchsorted(bin_starts(low, high), values, side="right") - 1
    return index


def _spread(share: Array) -> Values:
    filled = share[share > 0]
    return {
        "Entropy": float(-(filled * np.log2(filled)).sum()),
        "Uniformity": float((share * share).sum()),
    }


def _summarize_order(ordered: Array) -> Values:
    """Return order statistics of ascending bin numbers that the family Intensity lacks."""
    low, high = find_percentile(ordered, 10), find_percentile(ordered, 90)
    between = ordered[(ordered >= low) & (ordered <= high)]
    return {
        "TwentyFifthPercentile": find_percentile(ordered, 25),
        "SeventyFifthPercentile": find_percentile(ordered, 75),
        "RobustMeanAbsoluteDeviation1090": float(np.abs(between - between.mean()).mean()),
    }


def _measure_tails(values: Array, times: Array, low: float, high: float) -> Values:
    """Return quantiles of the binned intensities, and the means of what lies beyond them."""
    fifth, ninety_fifth = estimate_quantiles(times, low, high)
    is_low = values <= fifth
    is_high = ~is_low & (values >= ninety_fifth)
    return {
        "FifthPercentile": fifth,
        "NinetyFifthPercentile": ninety_fifth,
        "FifthPercentileMean": divide(float(values[is_low].sum()), int(is_low.sum())),
        "NinetyFifthPercentileMean": divide(float(values[is_high].sum()), int(is_high.sum())),
    }


def estimate_quantiles(times: Array, low: float, high: float) -> tuple[float, float]:
    """Return the 5 % and the 95 % quantile, linear inside their bin (itkHistogram.hxx, Quantile).

    Args:
        times: voxels a bin.
        low: where the first bin begins.
        high: where the last bin ends.
    """
    starts = bin_starts(low, high)
    ends = np.append(starts[1:], high)
    n = int(times.sum())
    below = np.cumsum(times) / n
    first = int(np.argmax(below >= 0.05))  # noqa: PLR2004  the quantile's own share
    before = (int(times[:first].sum())) / n
    fifth = starts[first] + (0.05 - before) / (times[first] / n) * (ends[first] - starts[first])
    above = 1 - np.cumsum(times[::-1])[::-1] / n  # share below the start of each bin
    last = int(np.flatnonzero(above <= 0.95)[-1])  # noqa: PLR2004  the quantile's own share
    after = 1 - int(times[last + 1 :].sum()) / n
    share = times[last] / n
    ninety_fifth = ends[last] - (after - 0.95) / share * (ends[last] - starts[last])
    return float(fifth), float(ninety_fifth)
