"""How far raters agree on a number: the intraclass correlation."""

from __future__ import annotations

from dataclasses import dataclass

from etl.measure.arrays import Array, keep_finite

CONFIDENCE = 0.95
ROUNDING = 1e-12  # of 1: a correlation this close to it is one, whose interval is a point


@dataclass(frozen=True, slots=True)
class Icc:
    """An intraclass correlation with its 95 % interval; None where it is not defined."""

    icc: float | None
    low: float | None
    high: float | None


def compute_icc(ratings: Array) -> Icc:
    """Return ICC(2,1): two-way random effects, absolute agreement, one rating.

    Shrout and Fleiss, Psychological Bulletin 86:420, 1979; the interval by McGraw and Wong,
    Psychological Methods 1:30, 1996, table 7, case 2A (ICC(A,1)).

    Args:
        ratings: float, one row per target and one column per rater; no NaN.

    Returns:
        Nothing is defined where all ratings are equal, or with fewer than two of either.
    """
    from scipy.special import fdtri

    n, k = ratings.shape
    if min(n, k) < 2:  # noqa: PLR2004
        return Icc(None, None, None)
    rows, columns, error = _compute_mean_squares(ratings)
    whole = rows + (k - 1) * error + k / n * (columns - error)
    if not whole > 0:
        return Icc(None, None, None)
    icc = (rows - error) / whole
    if 1 - icc < ROUNDING:  # the raters say the same: there is nothing to doubt
        return Icc(1.0, 1.0, 1.0)
    a = k * icc / (n * (1 - icc))
    b = 1 + k * icc * (n - 1) / (n * (1 - icc))
    share, rest = a * columns, b * error
    spread = share**2 / (k - 1) + rest**2 / ((n - 1) * (k - 1))
    if not spread > 0:
        return Icc(icc, None, None)
    freedom = (share + rest) ** 2 / spread
    side = 1 - (1 - CONFIDENCE) / 2
    below, above = float(fdtri(n - 1, freedom, side)), float(fdtri(freedom, n - 1, side))
    noise = k * columns + (k * n - k - n) * error
    low = n * (rows - below * error) / (below * noise + n * rows)
    high = n * (above * rows - error) / (noise + n * above * rows)
    return Icc(icc, keep_finite(low), keep_finite(high))


def _compute_mean_squares(ratings: Array) -> tuple[float, float, float]:
    """Return mean squares between targets, between raters, and of the rest (two-way ANOVA)."""
    n, k = ratings.shape
    # Centred and scaled first, so that a large common offset leaves digits, and equal is equal.
    scaled = ratings - ratings[0, 0]
    of_target, of_rater = scaled.mean(axis=1), scaled.mean(axis=0)
    mean = scaled.mean()
    rest = scaled - of_target[:, None] - of_rater[None, :] + mean
    rows = k * ((of_target - mean) ** 2).sum() / (n - 1)
    columns = n * ((of_rater - mean) ** 2).sum() / (k - 1)
    return float(rows), float(columns), float((rest**2).sum() / ((n - 1) * (k - 1)))
