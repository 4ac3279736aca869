"""CaPTk's family GLCM: eight texture features of 128 grey levels at distance 1.

Source: CBICA/CaPTk, GLCMFeatures.h (read at a25b7bc, offsets `Average`) and GetOffsetVector in
FeatureExtraction.h (read at 0584e33), on ITK's ScalarImageToCooccurrenceMatrixFilter and
HistogramToTextureFeaturesFilter. CaPTk takes the 26 neighbours; ITK counts each pair both ways, so
opposite ones give one matrix and 13 offsets give the same mean.
"""

from __future__ import annotations

import numpy as np

from etl.measure.arrays import Array
from etl.measure.captk_histogram import BINS, bin_index
from etl.measure.captk_intensity import Values, divide
from etl.measure.mask import DIRECTIONS, Step

NEGLIGIBLE = 0.0001  # ITK leaves rarer pairs out of the entropy
NAMES = (
    "Energy", "Entropy", "Correlation", "Homogeneity", "Contrast", "ClusterShade",
    "ClusterProminence", "AutoCorrelation",
)  # fmt: skip
_LEVEL = np.arange(BINS, dtype=np.float64)
_SUM = _LEVEL[:, None] + _LEVEL[None, :]
_DIFFERENCE = _LEVEL[:, None] - _LEVEL[None, :]
_PRODUCT = _LEVEL[:, None] * _LEVEL[None, :]


def measure_glcm(values: Array, inside: Array) -> Values:
    """Return the family GLCM: mean over the offsets; NaN, as in CaPTk, where one has no pair.

    Args:
        values: scaled values in a box around the mask, shape (x, y, z).
        inside: bool, the mask in the same box; values inside it are finite.
    """
    levels = discretize(values, inside)
    matrices = [measure_texture(count_pairs(levels, inside, offset)) for offset in DIRECTIONS]
    return {name: sum(row[name] for row in matrices) / len(matrices) for name in NAMES}


def discretize(values: Array, inside: Array) -> Array:
    """Return levels 0 to 127 over [min, max + 1] of the region; 0 outside it.

    The upper bound is itkScalarImageToCooccurrenceMatrixFilter.hxx's, SetPixelValueMinMax.
    """
    region = values[inside].astype(np.float64)
    high = np.float32(region.max()) + np.float32(1)
    levels = np.zeros(inside.shape, np.int64)
    levels[inside] = bin_index(region, float(region.min()), float(high))
    return levels


def count_pairs(levels: Array, inside: Array, offset: Step) -> Array:
    """Count how often two levels lie `offset` apart inside the mask, both ways; (128, 128)."""
    low, high = _slice_shifted(offset)
    is_pair = inside[low] & inside[high]
    pairs = levels[low][is_pair] * BINS + levels[high][is_pair]
    counts = np.bincount(pairs, minlength=BINS * BINS).reshape(BINS, BINS)
    symmetric: Array = counts + counts.T
    return symmetric


def _slice_shifted(offset: Step) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Return the parts of a box that lie `offset` apart."""
    low = tuple(slice(max(-step, 0), -step if step > 0 else None) for step in offset)
    high = tuple(slice(max(step, 0), step if step < 0 else None) for step in offset)
    return low, high


def measure_texture(counts: Array) -> Values:
    """Return ITK's eight features of one matrix (itkHistogramToTextureFeaturesFilter.hxx).

    Correlation is divided by the variance squared, and AutoCorrelation (ITK's Haralick
    correlation) by mean and variance of the marginal sums, not of the levels.

    Args:
        counts: symmetric, shape (128, 128).
    """
    total = int(counts.sum())
    if total == 0:
        return dict.fromkeys(NAMES, float("nan"))
    share = counts / total
    marginal = share.sum(axis=1)
    mean = float((_LEVEL * marginal).sum())
    variance = float(((_LEVEL - mean) ** 2 * marginal).sum())
    offset = _LEVEL - mean
    filled = share[share > NEGLIGIBLE]
    covariance = float((share * offset[:, None] * offset[None, :]).sum())
    haralick = float((share * _PRODUCT).sum()) - float(marginal.mean()) ** 2
    return {
        "Energy": float((share * share).sum()),
        "Entropy": float(-(filled * np.log(filled)).sum() / np.log(2.0)),
        "Correlation": divide(covariance, variance * variance),
        "Homogeneity": float((share / (1 + _DIFFERENCE**2)).sum()),
        "Contrast": float((share * _DIFFERENCE**2).sum()),
        "ClusterShade": _sum_powers(share, _SUM - 2 * mean, 3),
        "ClusterProminence": _sum_powers(share, _SUM - 2 * mean, 4),
        "AutoCorrelation": divide(haralick, float(marginal.var())),
    }


def _sum_powers(share: Array, centred: Array, power: int) -> float:
    """Sum share * centred ** power: raised where there is a share, added up over all cells.

    The empty cells decide which sums are rounded together.
    """
    terms, is_filled = np.zeros_like(share), share > 0
    terms[is_filled] = share[is_filled] * centred[is_filled] ** power
    return float(terms.sum())
