"""Intensity statistics against numpy on float64."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from support import SLOPE, Array

from etl.measure import intensity
from etl.measure.intensity import Intensity, measure_intensity

INTEGERS = ("uint8", "int8", "int16", "uint16", "int32", "uint32", "int64", "uint64")
shapes = st.tuples(*[st.integers(1, 7)] * 3)
slopes = st.sampled_from([1.0, -1.0, 0.5, -2.5, float(SLOPE), 1e-3])
inters = st.sampled_from([0.0, -3.0, 1000.25])


def by_numpy(voxels: Array, slope: float, inter: float) -> dict[str, float]:
    scaled = voxels.astype(np.float64) * slope + inter
    finite = scaled[np.isfinite(scaled)]
    p01, p50, p99 = np.percentile(finite, [1, 50, 99], method="linear")
    return {
        "minimum": finite.min(), "maximum": finite.max(), "mean": finite.mean(),
        "std": finite.std(), "p01": p01, "p50": p50, "p99": p99,
    }  # fmt: skip


def agrees(found: Intensity, voxels: Array, slope: float, inter: float) -> None:
    wanted = by_numpy(voxels, slope, inter)
    size = max(abs(wanted["minimum"]), abs(wanted["maximum"]), 1e-300)
    for name, value in wanted.items():
        # std of equal values: numpy's mean may be off by one bit, so that its std is not 0
        assert getattr(found, name) == pytest.approx(value, rel=1e-9, abs=size * 1e-12), name


@given(data=st.data(), dtype=st.sampled_from(INTEGERS), shape=shapes, slope=slopes, inter=inters)
def test_integers(
    data: st.DataObject, dtype: str, shape: tuple[int, ...], slope: float, inter: float
) -> None:
    voxels = data.draw(hnp.arrays(dtype, shape))
    found = measure_intensity(voxels, slope, inter)
    agrees(found, voxels, slope, inter)
    assert found.n_nonfinite == 0
    assert found.n_at_dtype_max == int((voxels == np.iinfo(dtype).max).sum())


@given(
    data=st.data(),
    dtype=st.sampled_from(["f2", "f4", "f8"]),
    shape=shapes,
    slope=slopes,
    inter=inters,
)
def test_floats_with_nan_and_infinity(
    data: st.DataObject, dtype: str, shape: tuple[int, ...], slope: float, inter: float
) -> None:
    finite = (
        st.floats(-1e4, 1e4, width=16)
        if dtype == "f2"
        else st.floats(-(2.0**99), 2.0**99, width=32)
    )
    elements = st.one_of(finite, st.sampled_from([np.nan, np.inf, -np.inf, 0.0, -0.0]))
    voxels = data.draw(hnp.arrays(dtype, shape, elements=elements))
    found = measure_intensity(voxels, slope, inter)
    n_nonfinite = int((~np.isfinite(voxels)).sum())
    assert found.n_nonfinite == n_nonfinite
    assert found.n_at_dtype_max == 0
    if n_nonfinite == voxels.size:
        assert found == Intensity(None, None, None, None, None, None, None, n_nonfinite, 0)
    else:
        agrees(found, voxels, slope, inter)


@pytest.mark.parametrize("dtype", [*INTEGERS, "f4", "f8"])
def test_single_voxel(dtype: str) -> None:
    found = measure_intensity(np.array([[[5]]], dtype), -2.0, 1.0)
    assert found == Intensity(-9.0, -9.0, -9.0, 0.0, -9.0, -9.0, -9.0, 0, 0)


def test_all_nan() -> None:
    found = measure_intensity(np.full((2, 2, 2), np.nan, "f4"))
    assert found == Intensity(None, None, None, None, None, None, None, 8, 0)


@pytest.mark.parametrize("dtype", ["int16", "uint16", "int32", "f4", "f8"])
@pytest.mark.parametrize("n", [100, 101, 301, 1000])
def test_percentiles_are_exact_between_order_statistics(dtype: str, n: int) -> None:
    voxels = np.random.default_rng(n).integers(0, 30_000, n).astype(dtype).reshape(n, 1, 1)
    found = measure_intensity(voxels)
    wanted = np.percentile(voxels.astype(np.float64), [1, 50, 99], method="linear")
    assert [found.p01, found.p50, found.p99] == pytest.approx(wanted.tolist(), rel=1e-14)


def test_statistics_of_known_values() -> None:
    found = measure_intensity(np.arange(101, dtype=np.int16).reshape(101, 1, 1))
    assert (found.minimum, found.p01, found.p50, found.p99, found.maximum) == (0, 1, 50, 99, 100)
    assert found.mean == 50
    assert found.std == pytest.approx(np.sqrt((101**2 - 1) / 12))  # ddof 0


@pytest.mark.parametrize("dtype", ["int16", "int32", "f4", "f8"])
def test_blocks_do_not_show(monkeypatch: pytest.MonkeyPatch, dtype: str) -> None:
    voxels = np.random.default_rng(1).normal(5000, 100, (9, 8, 7)).astype(dtype)
    monkeypatch.setattr(intensity, "BLOCK", 37)
    agrees(measure_intensity(voxels), voxels, 1.0, 0.0)


@pytest.mark.parametrize("dtype", ["int16", "f4"])
def test_memory_order_does_not_show(dtype: str) -> None:
    voxels = np.random.default_rng(2).normal(0, 1000, (9, 8, 7)).astype(dtype)
    assert measure_intensity(np.asfortranarray(voxels)) == measure_intensity(voxels)


def test_small_spread_far_from_zero_keeps_its_deviation() -> None:
    """Sums of squares of the raw values would lose it: 1e8 squared eats the unit."""
    voxels = np.array([1e8, 1e8 + 1, 1e8 + 2, 1e8 + 3]).reshape(4, 1, 1)
    assert measure_intensity(voxels).std == pytest.approx(np.sqrt(1.25), rel=1e-12)


def test_input_is_not_changed() -> None:
    voxels = np.random.default_rng(3).normal(size=(5, 5, 5)).astype("f4")
    before = voxels.copy()
    measure_intensity(voxels)
    np.testing.assert_array_equal(voxels, before)
