"""How well two series of one quantity agree, value by value."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

FEWEST = 3  # two points always lie on a line
_LIMIT = 1.96  # of a normal distribution, 95 % lie within so many standard deviations


def relative_difference(one: Array, other: Array) -> Array:
    """|a - b| over the larger of |a| and |b|: 0 where equal, 1 where one is 0, 2 for a sign."""
    scale = np.maximum(np.abs(one), np.abs(other))
    apart = np.abs(one - other)
    found: Array = np.divide(apart, scale, out=np.zeros_like(apart), where=scale > 0)
    return found


def spearman(one: Array, other: Array) -> float | None:
    """Rank correlation with mean ranks for ties; None below three pairs or for a constant."""
    return _pearson(ranks(one), ranks(other)) if one.size >= FEWEST else None


def ranks(values: Array) -> Array:
    """Ranks from 1; equal values share the mean of theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    mean = np.cumsum(counts) - (counts - 1) / 2
    found: Array = mean[place]
    return found


def _pearson(one: Array, other: Array) -> float | None:
    a, b = one - one.mean(), other - other.mean()
    spread = float((a * a).sum() * (b * b).sum())
    return _bounded(float((a * b).sum()) / spread**0.5) if spread > 0 else None


def _bounded(value: float) -> float:
    """Between -1 and 1: rounding may carry a perfect agreement beyond."""
    return min(max(value, -1.0), 1.0)


def lin_concordance(one: Array, other: Array) -> float | None:
    """Lin's concordance: 1 where all pairs lie on the line of identity.

    Source: Lin, Biometrics 45:255-268, 1989, with moments over n. None below three pairs, or where
    both are one constant.
    """
    if one.size < FEWEST:
        return None
    a, b = one - one.mean(), other - other.mean()
    shift = float(one.mean() - other.mean())
    spread = float((a * a).mean() + (b * b).mean()) + shift * shift
    return _bounded(2 * float((a * b).mean()) / spread) if spread > 0 else None


def bland_altman(one: Array, other: Array) -> tuple[float, float | None, float | None]:
    """Mean difference and its limits of agreement, mean -/+ 1.96 sd (ddof 1); None below two.

    Source: Bland and Altman, Lancet 327:307-310, 1986.
    """
    apart = one - other
    bias = float(apart.mean())
    if apart.size < 2:  # noqa: PLR2004  one difference has no spread
        return bias, None, None
    reach = _LIMIT * float(apart.std(ddof=1))
    return bias, bias - reach, bias + reach


def far_from_the_rest(residuals: Array, limit: float) -> Array:
    """Where a residual's modified z-score is beyond a limit; bool.

    Source: Iglewicz and Hoaglin, How to Detect and Handle Outliers, ASQC 1993: 0.6745 (x - median)
    / MAD, beyond 3.5. Where the MAD is 0, all that differs from the median is beyond.
    """
    apart = np.abs(residuals - np.median(residuals))
    far: Array = 0.6745 * apart > limit * np.median(apart)
    return far
