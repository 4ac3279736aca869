"""Agreement of two series: by hand, against scipy, and by what must hold."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats
from support import Array

from etl.measure.concordance import (
    compute_bland_altman,
    compute_lin_concordance,
    compute_relative_difference,
    compute_spearman,
    find_outliers,
    rank_values,
)

numbers = st.floats(-1e6, 1e6).map(lambda x: round(x, 3))
pairs = st.integers(3, 30).flatmap(
    lambda n: st.tuples(
        hnp.arrays(float, n, elements=numbers), hnp.arrays(float, n, elements=numbers)
    )
)


def test_relative_difference_by_hand() -> None:
    one, other = np.array([10.0, 1, -2, 0, 0, 5]), np.array([1.0, 10, 2, 3, 0, 5])
    assert compute_relative_difference(one, other).tolist() == [0.9, 0.9, 2, 1, 0, 0]


@given(pairs)
def test_ranks_and_correlation_are_scipys(pair: tuple[Array, Array]) -> None:
    one, other = pair
    assert rank_values(one).tolist() == stats.rankdata(one).tolist()
    found = compute_spearman(one, other)
    if len(set(one)) == 1 or len(set(other)) == 1:
        assert found is None
    else:
        assert found == pytest.approx(stats.spearmanr(one, other).statistic, abs=1e-9)


def test_lin_by_hand() -> None:
    """Moments over n: means 2 and 3, variances 2/3, covariance 2/3: 2 s / (s + s + 1)."""
    found = compute_lin_concordance(np.array([1.0, 2, 3]), np.array([2.0, 3, 4]))
    assert found == pytest.approx((4 / 3) / (4 / 3 + 1))


@given(pairs)
def test_lin_is_at_most_the_correlation_and_one_for_equal_series(
    pair: tuple[Array, Array],
) -> None:
    one, other = pair
    found = compute_lin_concordance(one, other)
    assert found is None or -1 - 1e-9 <= found <= 1 + 1e-9
    if len(set(one)) > 1:
        assert compute_lin_concordance(one, one) == pytest.approx(1)
        if len(set(other)) > 1:
            assert abs(found or 0) <= abs(float(np.corrcoef(one, other)[0, 1])) + 1e-6


def test_bland_altman_by_hand() -> None:
    bias, lower, upper = compute_bland_altman(np.array([1.0, 4, 7]), np.array([2.0, 2, 2]))
    assert bias == 2  # -1, 2, 5: sd 3
    assert (lower, upper) == pytest.approx((2 - 1.96 * 3, 2 + 1.96 * 3))
    assert compute_bland_altman(np.array([3.0]), np.array([1.0])) == (2, None, None)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_two_points_say_nothing(n: int) -> None:
    some = np.arange(n, dtype=float)
    assert compute_spearman(some, some) is None
    assert compute_lin_concordance(some, some) is None


def test_constants_say_nothing() -> None:
    same, other = np.ones(5), np.arange(5.0)
    assert compute_spearman(same, other) is None
    assert compute_lin_concordance(same, same) is None
    assert compute_lin_concordance(same, other) == 0


def test_far_is_more_than_three_and_a_half_modified_deviations() -> None:
    """Median 0, MAD 1: beyond 3.5 / 0.6745 = 5.19."""
    residuals = np.array([-1.0, 1, -1, 1, 0, 5.1, 5.2])
    residuals = np.append(residuals, [-0.5, -1, -1])
    found = find_outliers(residuals - np.median(residuals), 3.5)
    mad = np.median(np.abs(residuals - np.median(residuals)))
    assert found.tolist() == [
        bool(x) for x in np.abs(residuals - np.median(residuals)) * 0.6745 > 3.5 * mad
    ]
    assert found.sum() == 2
    assert find_outliers(np.array([0.0, 0, 0, 1e-9]), 3.5).tolist() == [False] * 3 + [True]
    assert not find_outliers(np.zeros(4), 3.5).any()
    assert not math.isnan(float(np.median(residuals)))
