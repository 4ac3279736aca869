"""The truth about enhancement, and about the scale of the phases."""

from __future__ import annotations

import numpy as np
import pytest

from etl.phantom.truth import _compute_quartiles

from .conftest import MASKS, Phantom


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("prefix", ["", "native_"])
def test_every_voxel_has_one_fate(phantom: Phantom, mask: str, prefix: str) -> None:
    for case_id in phantom.case_ids:
        facts = phantom.facts(case_id, mask)
        truth = {q.removeprefix(prefix): v for q, v in facts.items() if q.startswith(prefix)}
        excluded = truth["n_excluded_low_s0"] + truth["n_excluded_no_enhancement"]
        assert truth["n_enhancing"] + excluded == truth["n_voxels"]
        shares = [truth[f"{kind}_fraction"] for kind in ("washout", "plateau", "persistent")]
        assert sum(shares) == pytest.approx(1)
        voxel_cm3 = truth["enhancing_volume_pe70_cm3"] / truth["n_enhancing"]
        spacing = [
            phantom.truth[case_id, "n3_0" if prefix else "zscored", f"spacing_{a}_mm"]
            for a in "xyz"
        ]
        assert voxel_cm3 == pytest.approx(np.prod(spacing) / 1000)
        for form in ("pe_{}_percent", "ser_{}"):
            quartiles = [truth[form.format(q)] for q in ("p25", "median", "p75")]
            assert quartiles == sorted(quartiles)


def test_masks_count_as_they_are_on_their_own_grid(phantom: Phantom) -> None:
    for case_id in phantom.case_ids:
        for mask in MASKS:
            truth = phantom.facts(case_id, mask)
            own = "native_n_voxels" if mask == "ftv" else "n_voxels"
            assert truth[own] == truth["voxel_count"]


def test_one_slope_a_case_unless_stretched(phantom: Phantom) -> None:
    for case_id in phantom.case_ids:
        slopes = [phantom.truth[case_id, f"n3_{phase}", "slope"] for phase in range(3)]
        is_stretched = bool(phantom.truth[case_id, "n3_0", "is_stretched"])
        assert (max(slopes) / min(slopes) - 1 > 0.05) == is_stretched


@pytest.mark.parametrize("n", [1, 2, 3, 4, 10, 11])
def test_quartiles(n: int) -> None:
    values = np.random.default_rng(n).normal(0, 1, n)
    quartiles = list(_compute_quartiles("{}", values).values())
    assert quartiles == pytest.approx(np.percentile(values, [25, 50, 75]).tolist())
    assert _compute_quartiles("{}", values[:0]) == {}
