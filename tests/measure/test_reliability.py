"""The intraclass correlation against a published example, laws, and simulated raters."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import f as f_distribution
from support import Array

from etl.measure.reliability import Icc, compute_icc

# Shrout and Fleiss, Psychological Bulletin 86:420, 1979, table 2: 6 targets, 4 judges.
SHROUT_FLEISS = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float
)
ratings = hnp.arrays(
    float, st.tuples(st.integers(3, 9), st.integers(2, 4)), elements=st.integers(-50, 50)
)


def test_the_published_example() -> None:
    """ICC(2,1) = 0.29; its interval as the R package psych gives it: 0.019 to 0.761."""
    found = compute_icc(SHROUT_FLEISS)
    assert found.icc == pytest.approx(0.2898, abs=5e-5)
    assert found.low == pytest.approx(0.019, abs=5e-4)
    assert found.high == pytest.approx(0.761, abs=5e-4)


def test_by_hand() -> None:
    """Two raters one apart: between targets 8.67, between raters 1.5, nothing else."""
    found = compute_icc(np.array([[1.0, 2], [2, 3], [5, 6]]))
    assert found.icc == pytest.approx((26 / 3) / (26 / 3 + 2 / 3 * 1.5))


def test_the_interval_by_the_f_distribution() -> None:
    """McGraw and Wong's formulas written out for the example, with scipy's quantiles."""
    n, k = SHROUT_FLEISS.shape
    msr, msc, mse = 56.2083 / 5, 97.4583 / 3, 15.2917 / 15  # the example's analysis of variance
    icc = (msr - mse) / (msr + (k - 1) * mse + k / n * (msc - mse))
    a, b = k * icc / (n * (1 - icc)), 1 + k * icc * (n - 1) / (n * (1 - icc))
    v = (a * msc + b * mse) ** 2 / ((a * msc) ** 2 / (k - 1) + (b * mse) ** 2 / ((n - 1) * (k - 1)))
    low, high = f_distribution.ppf(0.975, n - 1, v), f_distribution.ppf(0.975, v, n - 1)
    noise = k * msc + (k * n - k - n) * mse
    found = compute_icc(SHROUT_FLEISS)
    assert found.icc == pytest.approx(icc, rel=1e-5)
    assert found.low == pytest.approx(n * (msr - low * mse) / (low * noise + n * msr), rel=1e-4)
    assert found.high == pytest.approx(n * (high * msr - mse) / (noise + n * high * msr), rel=1e-4)


@pytest.mark.parametrize("truth", [0.3, 0.75, 0.95])
def test_simulated_raters(truth: float) -> None:
    """The estimate is near the truth, and 95 % of the intervals hold it."""
    draw = np.random.default_rng(7)
    n, trials = 60, 300
    estimates, held = [], 0
    for _ in range(trials):
        targets = draw.normal(0, np.sqrt(truth), (n, 1))
        # a tenth of the disagreement is one rater's habit, which absolute agreement counts
        habit = draw.normal(0, np.sqrt(0.1 * (1 - truth)), (1, 2))
        noise = draw.normal(0, np.sqrt(0.9 * (1 - truth)), (n, 2))
        found = compute_icc(5 + targets + habit + noise)
        assert found.icc is not None
        assert found.low is not None
        assert found.high is not None
        estimates.append(found.icc)
        held += found.low <= truth <= found.high
    assert np.mean(estimates) == pytest.approx(truth, abs=0.03)
    assert 0.90 <= held / trials <= 1


@given(ratings)
def test_the_interval_holds_the_estimate(given_ratings: Array) -> None:
    found = compute_icc(given_ratings)
    if found.icc is None:
        return
    assert found.icc <= 1
    if found.low is not None and found.high is not None:
        assert found.low - 1e-9 <= found.icc <= found.high + 1e-9


@given(ratings, st.integers(-100, 100), st.sampled_from([0.5, 2.0, -4.0]))
def test_unit_and_offset_of_all_raters_do_not_matter(
    given_ratings: Array, shift: int, scale: float
) -> None:
    one, other = compute_icc(given_ratings), compute_icc(given_ratings * scale + shift)
    for name in ("icc", "low", "high"):
        value = getattr(one, name)
        assert getattr(other, name) == (None if value is None else pytest.approx(value, abs=1e-9))


@given(ratings)
def test_the_order_of_targets_and_raters_does_not_matter(given_ratings: Array) -> None:
    one, other = compute_icc(given_ratings), compute_icc(given_ratings[::-1, ::-1])
    assert other.icc == (None if one.icc is None else pytest.approx(one.icc, abs=1e-9))


@given(hnp.arrays(float, st.integers(3, 9), elements=st.integers(-50, 50)), st.integers(2, 4))
def test_raters_who_say_the_same(targets: Array, n_raters: int) -> None:
    found = compute_icc(np.repeat(targets[:, None], n_raters, axis=1) / 3)
    nothing = Icc(None, None, None)
    assert found == (nothing if len(set(targets)) == 1 else Icc(1.0, 1.0, 1.0))


@pytest.mark.parametrize("shape", [(0, 2), (1, 2), (5, 1)])
def test_too_few(shape: tuple[int, int]) -> None:
    assert compute_icc(np.arange(np.prod(shape), dtype=float).reshape(shape)) == Icc(
        None, None, None
    )


def test_raters_who_disagree_about_everything() -> None:
    """Worse than chance: a negative correlation, and still an answer."""
    found = compute_icc(np.array([[1.0, 4], [2, 3], [3, 2], [4, 1]]))
    assert found.icc is not None
    assert found.icc < 0
