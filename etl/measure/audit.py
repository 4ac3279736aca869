"""Published against recomputed values: which input fits, how well, and which values are wrong.

Two ways to find a wrong value. Where most cases agree to the last digit, every other one is
wrong. Where none does (another mask, another grid), a value must differ far more than the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from etl.measure.arrays import Array
from etl.measure.concordance import (
    compute_bland_altman,
    compute_lin_concordance,
    compute_relative_difference,
    compute_spearman,
    find_outliers,
)

EXACT, CONCORDANCE, NOT_COMPARABLE = "exact", "concordance", "not_comparable"
STEPS = (0.001, 0.01, 0.02, 0.05, 0.1)  # relative differences that a verdict may name
NOT_COMPUTED = "not computed"


@dataclass(frozen=True, slots=True)
class Limits:
    """What counts as equal, as agreement and as wrong; params.yaml gives the reasons."""

    exact_relative: float
    min_cases: int
    agrees_share: float
    outlier_z: float
    outlier_relative: float


@dataclass(frozen=True, slots=True)
class Feature:
    """One published feature. `published`: one value per case, NaN where there is none.

    `is_fragile`: a few voxels change it by any amount, so that only equal values say something.
    """

    published: Array
    tier: str
    is_fragile: bool = False


@dataclass(frozen=True, slots=True)
class Audit:
    """The outcome for one feature; None where too few values were compared.

    `is_compared`, `is_outlier` and `relative` have one element per case; `candidate` is the input
    that fits best, None where none was computed.
    """

    candidate: str | None
    verdict: str
    is_compared: Array
    is_outlier: Array
    relative: Array
    spearman: float | None = None
    lin_concordance: float | None = None
    bias: float | None = None
    lower: float | None = None
    upper: float | None = None


def audit(
    features: Mapping[str, Feature], computed: Mapping[str, Mapping[str, Array]], limits: Limits
) -> dict[str, Audit]:
    """Judge every published feature.

    Args:
        features: name -> what was published.
        computed: candidate input -> feature -> one value per case, NaN where there is none. Of
            inputs that fit equally well the first counts.
        limits: what counts as what.
    """
    reproduced = {
        candidate: find_reproduced_cases(features, values, limits)
        for candidate, values in computed.items()
    }
    return {
        name: _judge(feature, {c: v[name] for c, v in computed.items() if name in v}, limits,
                     reproduced)
        for name, feature in features.items()
    }  # fmt: skip


def find_reproduced_cases(
    features: Mapping[str, Feature], values: Mapping[str, Array], limits: Limits
) -> Array:
    """Return the cases of which one input gives most values to the last digit; bool.

    Over the features of the exact tier; fragile ones, most of them histogram bins, left out.
    """
    n_cases = next((feature.published.size for feature in features.values()), 0)
    n_compared, n_exact = np.zeros(n_cases, int), np.zeros(n_cases, int)
    for name, feature in features.items():
        if feature.tier == EXACT and not feature.is_fragile and name in values:
            is_compared, is_exact = _is_exact(feature.published, values[name], limits)
            n_compared += is_compared
            n_exact += is_exact
    is_reproduced: Array = (n_exact * 2 >= n_compared) & (n_compared > 0)
    return is_reproduced


def _is_exact(published: Array, computed: Array, limits: Limits) -> tuple[Array, Array]:
    """Return where both values are there, and where they are equal but for rounding."""
    is_compared = np.isfinite(published) & np.isfinite(computed)
    apart = compute_relative_difference(published[is_compared], computed[is_compared])
    is_exact = np.zeros(published.shape, bool)
    is_exact[is_compared] = apart <= limits.exact_relative
    return is_compared, is_exact


def _judge(
    feature: Feature,
    computed: Mapping[str, Array],
    limits: Limits,
    reproduced: Mapping[str, Array],
) -> Audit:
    nothing = np.zeros(feature.published.shape, bool)
    blank = nothing.astype(np.float64)
    if feature.tier == NOT_COMPARABLE:
        return Audit(None, "not comparable", nothing, nothing, blank)
    candidate = find_best_fit(feature.published, computed, limits, reproduced)
    if candidate is None:
        return Audit(None, NOT_COMPUTED, nothing, nothing, blank)
    is_compared, is_exact = _is_exact(feature.published, computed[candidate], limits)
    first, second = feature.published[is_compared], computed[candidate][is_compared]
    relative = blank.copy()
    relative[is_compared] = compute_relative_difference(first, second)
    is_outlier, is_equal = _find_outliers(feature, (first, second), is_exact[is_compared], limits,
                                     reproduced[candidate][is_compared])  # fmt: skip
    placed = nothing.copy()
    placed[is_compared] = is_outlier
    return Audit(
        candidate,
        judge_differences(relative[is_compared], is_outlier, limits, is_equal=is_equal),
        is_compared,
        placed,
        relative,
        compute_spearman(first, second),
        compute_lin_concordance(first, second),
        *compute_bland_altman(first, second),
    )


def find_best_fit(
    published: Array,
    computed: Mapping[str, Array],
    limits: Limits,
    reproduced: Mapping[str, Array],
) -> str | None:
    """Return the input with most equal values, then the closest one.

    Of a few cases each may have a wrong value: there the input that gives the cases' other values
    comes before the closest.
    """
    ranked = []
    for position, (candidate, values) in enumerate(computed.items()):
        is_compared, is_exact = _is_exact(published, values, limits)
        if is_compared.any():
            apart = compute_relative_difference(published[is_compared], values[is_compared])
            is_few = int(is_compared.sum()) < limits.min_cases
            n_cases = int(reproduced[candidate][is_compared].sum()) if is_few else 0
            rank = (-int(is_exact.sum()), -n_cases, float(np.median(apart)), position)
            ranked.append((rank, candidate))
    return min(ranked)[1] if ranked else None


def _find_outliers(
    feature: Feature,
    pair: tuple[Array, Array],
    is_exact: Array,
    limits: Limits,
    is_reproduced: Array,
) -> tuple[Array, bool]:
    """Find which of the compared values are wrong, and whether values should be equal.

    One feature alone says little: maxima of two masks that differ by a few voxels are often equal.
    So most cases must be reproduced as a whole.
    """
    n = is_exact.size
    # Of few cases, each may have a wrong value of one feature: then the case's others tell.
    is_known = feature.tier == EXACT and n < limits.min_cases
    is_mostly_exact = int(is_exact.sum()) * 2 >= n
    if int(is_reproduced.sum()) * 2 >= n and (is_mostly_exact or is_known):
        return ~is_exact, True
    if n < limits.min_cases or feature.is_fragile:
        return np.zeros(n, bool), False
    residual = _compute_residual(*pair)
    is_gross = np.abs(residual) > limits.outlier_relative
    return is_gross & find_outliers(residual, limits.outlier_z), False


def _compute_residual(published: Array, computed: Array) -> Array:
    """Return the signed relative difference: of a typical value at least, where signs differ.

    A skewness near 0 may have any sign: 0.01 for -0.01 is no error, 10 for -10 is one.
    """
    scale = np.maximum(np.abs(published), np.abs(computed))
    if computed.min() < 0 < computed.max():
        scale = np.maximum(scale, np.median(np.abs(computed)))
    apart = published - computed
    residual: Array = np.divide(apart, scale, out=np.zeros_like(apart), where=scale > 0)
    return residual


def judge_differences(relative: Array, is_outlier: Array, limits: Limits, *, is_equal: bool) -> str:
    """Return one of VERDICTS, from the relative differences of the compared values."""
    if relative.max() <= limits.exact_relative:
        return "agrees exactly"
    if is_equal and not is_outlier.all():
        return "agrees exactly but for outliers"
    for step in STEPS:
        if float((relative <= step).mean()) >= limits.agrees_share:
            return f"agrees within {step * 100:g} %"
    return "differs"


VERDICTS = (
    "agrees exactly",
    "agrees exactly but for outliers",
    *(f"agrees within {step * 100:g} %" for step in STEPS),
    "differs",
    "not comparable",
    NOT_COMPUTED,
)
