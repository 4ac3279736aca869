"""How well two series of one quantity agree, value by value."""

from __future__ import annotations

import numpy as np

from etl.measure.arrays import Array

FEWEST = 3  # two points always lie on a line
_LIMIT = 1.96  # of a normal distribution, 95 % lie within so many standard deviations


def compute_relative_difference(first: Array, second: Array) -> Array:
    """Return |a - b| / max(|a|, |b|): 0 where equal, 1 where one is 0, 2 for a sign."""
    scale = np.maximum(np.abs(first), np.abs(second))
    apart = np.abs(first - second)
    relative: Array = np.divide(apart, scale, out=np.zeros_like(apart), where=scale > 0)
    return relative


def compute_spearman(first: Array, second: Array) -> float | None:
    """Return the rank correlation, mean ranks for ties; None below three pairs, for a constant."""
    return (
        _compute_pearson(rank_values(first), rank_values(second)) if first.size >= FEWEST else None
    )


def rank_values(values: Array) -> Array:
    """Return ranks from 1; equal values share the mean of theirs."""
    _, positions, counts = np.unique(values, return_inverse=True, return_counts=True)
    mean = np.cumsum(counts) - (counts - 1) / 2
    ranks: Array = mean[positions]
    return ranks


def _compute_pearson(first: Array, second: Array) -> float | None:
    a, b = first - first.mean(), second - second.mean()
    spread = float((a * a).sum() * (b * b).sum())
    return _limit(float((a * b).sum()) / spread**0.5) if spread > 0 else None


def _limit(value: float) -> float:
    """Return a value between -1 and 1: rounding may carry a perfect agreement beyond."""
    return min(max(value, -1.0), 1.0)


def compute_lin_concordance(first: Array, second: Array) -> float | None:
    """Return Lin's concordance: 1 where all pairs lie on the line of identity.

    Source: Lin, Biometrics 45:255-268, 1989, with moments over n. None below three pairs, or where
    both are one constant.
    """
    if first.size < FEWEST:
        return None
    a, b = first - first.mean(), second - second.mean()
    shift = float(first.mean() - second.mean())
    spread = float((a * a).mean() + (b * b).mean()) + shift * shift
    return _limit(2 * float((a * b).mean()) / spread) if spread > 0 else None


def compute_bland_altman(first: Array, second: Array) -> tuple[float, float | None, float | None]:
    """Return mean difference and limits of agreement, mean -/+ 1.96 sd (ddof 1); None below two.

    Source: Bland and Altman, Lancet 327:307-310, 1986.
    """
    apart = first - second
    bias = float(apart.mean())
    if apart.size < 2:  # noqa: PLR2004  one difference has no spread
        return bias, None, None
    reach = _LIMIT * float(apart.std(ddof=1))
    return bias, bias - reach, bias + reach


def find_outliers(residuals: Array, limit: float) -> Array:
    """Return where a residual's modified z-score is beyond a limit; bool.

    Source: Iglewicz and Hoaglin, How to Detect and Handle Outliers, ASQC 1993: 0.6745 (x - median)
    / MAD, beyond 3.5. Where the MAD is 0, all that differs from the median is beyond.
    """
    apart = np.abs(residuals - np.median(residuals))
    is_far: Array = 0.6745 * apart > limit * np.median(apart)
    return is_far
