"""Enhancement: every branch by hand, and what must not change."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import ROOT

from etl.measure.kinetics import (
    PE_THRESHOLDS_PERCENT,
    ZERO_LEVEL_TOLERANCE,
    Kinetics,
    find_shared_zero,
    measure_kinetics,
)
from etl.model.profile import load_profile

Array = npt.NDArray[Any]


def kinetics(*voxels: tuple[float, float, float], zero: float = 0.0, least: float = 70) -> Kinetics:
    """Of voxels given as (S0, S1, S2)."""
    signals = np.array(voxels, np.float64).reshape(-1, 3).T
    return measure_kinetics(list(signals), zero, least)


NOTHING = Kinetics(
    n_voxels=0, n_nonfinite=0, n_low_s0=0, n_no_enhancement=0, n_enhancing=0, n_below_baseline=0,
    pe_percent=None, ser=None, washout=None, plateau=None, persistent=None, n_reaching=(0, 0, 0, 0),
)  # fmt: skip


def test_no_voxel() -> None:
    assert kinetics() == NOTHING


@pytest.mark.parametrize(
    ("voxel", "expected"),
    [
        # no signal before contrast, at and below the zero level
        ((0, 90, 80), {"n_low_s0": 1}),
        ((-5, 90, 80), {"n_low_s0": 1}),
        # one phase that is not a number
        ((np.nan, 2, 3), {"n_nonfinite": 1}),
        ((1, np.inf, 3), {"n_nonfinite": 1}),
        ((0, 2, -np.inf), {"n_nonfinite": 1}),
        # falls, stays, rises a little
        ((100, 80, 90), {"n_no_enhancement": 1, "pe_percent": (-20.0,) * 3}),
        ((100, 100, 300), {"n_no_enhancement": 1, "pe_percent": (0.0,) * 3}),
        ((100, 169, 150), {"n_no_enhancement": 1, "pe_percent": (69.0,) * 3}),
    ],
)
def test_a_voxel_that_does_not_enhance(
    voxel: tuple[float, float, float], expected: dict[str, object]
) -> None:
    assert kinetics(voxel) == replace(NOTHING, n_voxels=1, **expected)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("voxel", "pe", "ser", "curve", "n_reaching"),
    [
        ((100, 170, 150), 70.0, 1.4, "washout", (1, 0, 0, 0)),
        ((100, 190, 182), 90.0, 90 / 82, "plateau", (1, 1, 0, 0)),
        ((100, 200, 200), 100.0, 1.0, "plateau", (1, 1, 1, 0)),
        ((100, 240, 300), 140.0, 0.7, "persistent", (1, 1, 1, 1)),
        # the limits themselves are plateau: 88/80 and 90/100
        ((80, 168, 160), 110.0, 1.1, "plateau", (1, 1, 1, 0)),
        ((100, 190, 200), 90.0, 0.9, "plateau", (1, 1, 0, 0)),
        # back to S0 or below: washout without SER
        ((100, 200, 100), 100.0, None, "washout", (1, 1, 1, 0)),
        ((100, 200, 40), 100.0, None, "washout", (1, 1, 1, 0)),
    ],
)
def test_a_voxel_that_enhances(
    voxel: tuple[float, float, float],
    pe: float,
    ser: float | None,
    curve: str,
    n_reaching: tuple[int, ...],
) -> None:
    found = kinetics(voxel)
    assert found.pe_percent == (pe,) * 3
    assert found.ser == (None if ser is None else pytest.approx((ser,) * 3))
    shares = {"washout": found.washout, "plateau": found.plateau, "persistent": found.persistent}
    assert shares == {name: float(name == curve) for name in shares}
    assert found.n_below_baseline == (ser is None)
    assert found.n_reaching == n_reaching
    assert (found.n_voxels, found.n_enhancing, found.n_no_enhancement) == (1, 1, 0)


def test_all_together() -> None:
    found = kinetics(
        (100, 170, 150),  # PE 70, SER 1.4
        (100, 200, 200),  # PE 100, SER 1
        (100, 240, 300),  # PE 140, SER 0.7
        (100, 300, 50),  # PE 200, washout without SER
        (100, 120, 110),  # PE 20
        (0, 500, 400),
        (np.nan, 1, 2),
    )
    assert found == Kinetics(
        n_voxels=7, n_nonfinite=1, n_low_s0=1, n_no_enhancement=1, n_enhancing=4,
        n_below_baseline=1, pe_percent=(70.0, 100.0, 140.0),
        ser=(pytest.approx(0.85), 1.0, pytest.approx(1.2)),  # type: ignore[arg-type]
        washout=0.5, plateau=0.25, persistent=0.25, n_reaching=(4, 3, 3, 2),
    )  # fmt: skip


def test_quartiles_are_linear_between_order_statistics() -> None:
    """Hyndman and Fan 1996, type 7: rank (n - 1) p."""
    found = kinetics((100, 200, 200), (100, 210, 200), (100, 230, 200), (100, 270, 200))
    assert found.pe_percent == (107.5, 120.0, 140.0)


def test_the_zero_level_is_taken_off_first() -> None:
    zero = -1.5
    found = kinetics((-1.5, 3, 3), (-0.5, 0.5, 1.0), zero=zero)
    assert (found.n_low_s0, found.pe_percent) == (1, (100.0,) * 3)
    assert found.ser == pytest.approx((2 / 3,) * 3)


def test_the_least_enhancement_is_a_parameter() -> None:
    voxels = ((100, 150, 140), (100, 250, 240), (100, 100, 200))
    assert [kinetics(*voxels, least=p).n_enhancing for p in (0, 50, 51, 150, 151)] == [
        2,
        2,
        1,
        1,
        0,
    ]


def test_stored_integers_do_not_wrap() -> None:
    signals = [np.array([s], np.int16) for s in (200, 32000, -32000)]
    found = measure_kinetics(signals, 0.0, 70)
    assert found.pe_percent == (15900.0,) * 3
    assert found.n_below_baseline == 1


# --- laws ----------------------------------------------------------------------------------

level = st.integers(0, 400)
phases = st.lists(st.tuples(level, level, level), min_size=1, max_size=60)


@given(voxels=phases)
def test_every_voxel_is_counted_once_and_shares_add_up(voxels: list[tuple[int, int, int]]) -> None:
    found = kinetics(*voxels)
    parts = found.n_nonfinite + found.n_low_s0 + found.n_no_enhancement + found.n_enhancing
    assert parts == found.n_voxels == len(voxels)
    if found.n_enhancing:
        shares = [found.washout, found.plateau, found.persistent]
        assert sum(share for share in shares if share is not None) == pytest.approx(1)
        assert (found.washout or 0) >= found.n_below_baseline / found.n_enhancing
    assert list(found.n_reaching) == sorted(found.n_reaching, reverse=True)
    assert found.n_reaching[0] == found.n_enhancing  # both from PE 70


@given(voxels=phases)
def test_against_a_loop_over_the_voxels(voxels: list[tuple[int, int, int]]) -> None:
    pe = [100 * (s1 - s0) / s0 for s0, s1, _ in voxels if s0 > 0]
    up = [(s0, s1, s2) for s0, s1, s2 in voxels if s0 > 0 and 100 * (s1 - s0) / s0 >= 70]
    ser = [(s1 - s0) / (s2 - s0) for s0, s1, s2 in up if s2 > s0]
    found = kinetics(*voxels)
    for values, quartiles in ((pe, found.pe_percent), (ser, found.ser)):
        expected = np.percentile(values, [25, 50, 75]).tolist() if values else None
        assert quartiles == (None if expected is None else pytest.approx(tuple(expected)))
    assert (found.n_enhancing, found.n_below_baseline) == (len(up), len(up) - len(ser))
    n_washout = sum(value > 1.1 for value in ser) + len(up) - len(ser)
    assert found.washout == (n_washout / len(up) if up else None)


@given(voxels=phases, factor=st.sampled_from([0.25, 0.5, 2, 8]), zero=st.integers(-900, 900))
def test_one_scale_and_offset_for_all_phases_change_nothing(
    voxels: list[tuple[int, int, int]], factor: float, zero: int
) -> None:
    """With the zero level moved along. The factors are exact in binary."""
    moved = [(s0 * factor + zero, s1 * factor + zero, s2 * factor + zero) for s0, s1, s2 in voxels]
    assert kinetics(*moved, zero=zero) == kinetics(*voxels)


@given(
    voxels=st.lists(st.tuples(level, level, level), min_size=1, max_size=40),
    slope=st.floats(0.01, 100),
    inter=st.floats(-50, 50),
)
def test_ser_needs_no_zero_level(
    voxels: list[tuple[int, int, int]], slope: float, inter: float
) -> None:
    """SER of the voxels that count is the same after any affine change of the intensities."""
    moved = [tuple(s * slope + inter for s in voxel) for voxel in voxels]
    one, other = ([(s1 - s0) / (s2 - s0) for s0, s1, s2 in kept] for kept in _rising(voxels, moved))
    assert other == pytest.approx(one, rel=1e-6)
    ser = kinetics(*_rising(voxels, moved)[0], zero=-1e6, least=-1e9).ser
    again = kinetics(*_rising(voxels, moved)[1], zero=-1e9, least=-1e9).ser
    assert again == (None if ser is None else pytest.approx(ser, rel=1e-4))


def _rising(voxels: list[Any], moved: list[Any]) -> tuple[list[Any], list[Any]]:
    kept = [n for n, (s0, s1, s2) in enumerate(voxels) if s1 > s0 and s2 > s0]
    return [voxels[n] for n in kept], [moved[n] for n in kept]


@given(voxels=phases, seed=st.integers(0, 99))
def test_the_order_of_the_voxels_does_not_count(
    voxels: list[tuple[int, int, int]], seed: int
) -> None:
    order = np.random.default_rng(seed).permutation(len(voxels))
    assert kinetics(*(voxels[n] for n in order)) == kinetics(*voxels)


# --- zero level ----------------------------------------------------------------------------


def test_a_shared_minimum_is_the_zero_level_as_it_is() -> None:
    value = float(np.float32(-1.4145595))
    assert find_shared_zero([value, value, value]) == value


def test_minima_within_the_tolerance_are_one() -> None:
    assert find_shared_zero([-1.4, -1.4 - 9e-6, -1.4]) == -1.4 - 9e-6
    assert find_shared_zero([-1.4, -1.4 - 1.1e-5, -1.4]) is None
    assert find_shared_zero([-1.4, -1.4, -1.3]) is None


@pytest.mark.parametrize("profile", ["phantom", "ispy1_tcia"])
def test_the_gate_has_the_same_tolerance(profile: str) -> None:
    thresholds = load_profile(ROOT, profile).thresholds
    assert thresholds["zscored_minimum_tolerance"].value == ZERO_LEVEL_TOLERANCE


def test_the_thresholds_of_the_trial() -> None:
    assert PE_THRESHOLDS_PERCENT == (70, 90, 100, 140)
