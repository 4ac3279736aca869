"""Which published values are wrong, and which input they fit: on numbers made for it."""

from __future__ import annotations

import numpy as np
import pytest
from support import Array

from etl.measure.audit import (
    CONCORDANCE,
    EXACT,
    NOT_COMPARABLE,
    VERDICTS,
    Audit,
    Feature,
    Limits,
    audit,
    judge_differences,
)

LIMITS = Limits(
    exact_relative=1e-6, min_cases=5, agrees_share=0.9, outlier_z=3.5, outlier_relative=0.8
)
NAMES = tuple("abcdefgh")


def truth(n: int, seed: int = 1) -> dict[str, Array]:
    """Eight features of n cases."""
    rng = np.random.default_rng(seed)
    return {name: rng.uniform(5, 50, n) for name in NAMES}


def judge(
    published: dict[str, Array],
    *,
    tier: str = EXACT,
    fragile: tuple[str, ...] = (),
    **inputs: dict[str, Array],
) -> dict[str, Audit]:
    features = {name: Feature(values, tier, name in fragile) for name, values in published.items()}
    return audit(features, inputs, LIMITS)


def wrong(found: dict[str, Audit]) -> set[tuple[str, int]]:
    return {
        (name, int(case)) for name, one in found.items() for case in np.flatnonzero(one.is_outlier)
    }


def changed(values: dict[str, Array], *changes: tuple[str, int, float]) -> dict[str, Array]:
    copy = {name: line.copy() for name, line in values.items()}
    for name, case, value in changes:
        copy[name][case] = value
    return copy


@pytest.mark.parametrize("n", [1, 2, 3, 5, 12, 163])
def test_every_wrong_value_of_a_reproduced_release_is_found(n: int) -> None:
    right = truth(n)
    last = n - 1
    published = changed(right, ("a", 0, 10 * right["a"][0]), ("b", last, -right["b"][last]),
                        ("c", 0, right["c"][0] * 1.00001))  # fmt: skip
    found = judge(published, n3=right, zscored={name: line / 1000 for name, line in right.items()})
    assert wrong(found) == {("a", 0), ("b", last), ("c", 0)}
    assert {one.candidate for one in found.values()} == {"n3"}
    assert found["h"].verdict == "agrees exactly"
    assert found["a"].verdict == ("agrees exactly but for outliers" if n > 1 else "differs")


@pytest.mark.parametrize("n", [2, 3, 4, 6, 20])
def test_two_cases_that_were_swapped_are_both_found(n: int) -> None:
    right = truth(n)
    a = right["a"]
    published = changed(right, ("a", 0, a[1]), ("a", 1, a[0]))
    assert wrong(judge(published, n3=right)) == {("a", 0), ("a", 1)}


def test_a_definition_that_is_another_one_is_no_wrong_value() -> None:
    """Feature a is half of what is computed in every case: with five cases that tells."""
    right = truth(6)
    published = right | {"a": right["a"] / 2}
    found = judge(published, n3=right)
    assert wrong(found) == set()
    assert found["a"].verdict == "differs"
    # Below five the definition is trusted, where its tier is exact.
    few = {name: line[:3] for name, line in right.items()}
    assert wrong(judge(few | {"a": few["a"] / 2}, n3=few)) == {("a", 0), ("a", 1), ("a", 2)}
    loose = judge(few | {"a": few["a"] / 2}, tier=CONCORDANCE, n3=few)
    assert wrong(loose) == set()


def test_maxima_that_are_often_equal_reproduce_no_release() -> None:
    """One feature of eight is equal in most cases by chance; the masks differ at their edges."""
    right = truth(30)
    rng = np.random.default_rng(2)
    published = {name: line * rng.normal(1, 0.02, 30) for name, line in right.items()}
    published["a"] = np.where(np.arange(30) < 20, right["a"], published["a"])
    found = judge(published, n3=right)
    assert wrong(found) == set()
    assert found["a"].verdict.startswith("agrees within")


@pytest.mark.parametrize("spread", [0.001, 0.02, 0.1])
def test_gross_errors_are_found_where_nothing_is_exact(spread: float) -> None:
    right = truth(40)
    rng = np.random.default_rng(3)
    published = {name: line * rng.normal(1, spread, 40) for name, line in right.items()}
    published = changed(published, ("a", 3, 10 * right["a"][3]), ("b", 9, -right["b"][9]),
                        ("d", 5, right["d"][5] / 10))  # fmt: skip
    # A mode jumps as it likes: of a fragile feature only equal values say something.
    published["c"][7] *= 40
    found = judge(published, n3=right, fragile=("c",))
    assert wrong(found) == {("a", 3), ("b", 9), ("d", 5)}


def test_a_release_that_agrees_badly_has_no_outlier() -> None:
    right = truth(40)
    found = judge(truth(40, seed=9), n3=right)
    assert wrong(found) == set()
    assert {one.verdict for one in found.values()} == {"differs"}


def test_a_stale_case_is_an_outlier_in_every_feature() -> None:
    right = truth(8)
    other = truth(8, seed=5)
    published = {
        name: np.where(np.arange(8) == 4, other[name], line) for name, line in right.items()
    }
    assert wrong(judge(published, n3=right)) == {(name, 4) for name in NAMES}


def test_what_is_missing_is_not_compared() -> None:
    right = truth(6)
    published = changed(right, ("a", 0, np.nan))
    partial = {name: line for name, line in changed(right, ("a", 1, np.nan)).items() if name != "b"}
    found = judge(published, n3=partial)
    assert found["a"].is_compared.tolist() == [False, False, True, True, True, True]
    assert (found["b"].candidate, found["b"].verdict) == (None, "not computed")
    assert judge(published)["a"].verdict == "not computed"
    nothing = judge({"a": np.full(3, np.nan)}, n3={"a": np.ones(3)})["a"]
    assert (nothing.candidate, nothing.verdict) == (None, "not computed")


def test_what_is_not_comparable_is_not_compared() -> None:
    right = truth(6)
    found = judge(right, tier=NOT_COMPARABLE, n3=right)["a"]
    assert (found.candidate, found.verdict) == (None, "not comparable")
    assert not found.is_compared.any()


def test_the_input_that_fits_is_told_feature_by_feature() -> None:
    right = truth(9)
    shifted = {name: line * 1.3 for name, line in right.items()}
    published = {name: right[name] if name < "e" else shifted[name] * 1.001 for name in NAMES}
    found = judge(published, n3=right, zscored=shifted)
    assert {name: one.candidate for name, one in found.items()} == {
        name: "n3" if name < "e" else "zscored" for name in NAMES
    }


@pytest.mark.parametrize(
    ("relative", "said"),
    [
        ([0, 0, 1e-7], "agrees exactly"),
        ([0.0005] * 9 + [3], "agrees within 0.1 %"),
        ([0.004] * 10, "agrees within 1 %"),
        ([0.09] * 9 + [0.2], "agrees within 10 %"),
        ([0.09] * 8 + [0.2] * 2, "differs"),
    ],
)
def test_verdicts(relative: list[float], said: str) -> None:
    none = np.zeros(len(relative), bool)
    assert judge_differences(np.array(relative), none, LIMITS, is_equal=False) == said
    assert said in VERDICTS
