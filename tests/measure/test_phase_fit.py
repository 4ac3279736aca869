"""The line of a z-scored image on its N3 image: what it finds, and what it leaves out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import psr

from etl.measure import phase_fit
from etl.measure.phase_fit import Fit, Image, fit_phase
from etl.measure.trilinear import resample_planes

Array = npt.NDArray[Any]

SPACING = (1.5, 1.5, 2.0)
NATIVE, FINE = (40, 40, 24), (60, 60, 48)
NATIVE_AFFINE, FINE_AFFINE = psr(SPACING), psr((1.0, 1.0, 1.0))
SLOPE, INTERCEPT = 0.0005, -0.8


def signal(size: tuple[int, ...], spacing: tuple[float, ...]) -> Array:
    """100 to 1100, smooth, one function of place on both grids; air beyond 26 mm."""
    x, y, z = (np.arange(n) * s for n, s in zip(size, spacing, strict=True))
    value = 600 + 500 * (
        np.sin(x / 15)[:, None, None] * np.cos(y / 12)[None, :, None] * np.sin(z / 20)
    )
    away = ((x - 29) ** 2)[:, None, None] + ((y - 29) ** 2)[None, :, None] + (z - 23) ** 2
    return np.where(away < 26**2, value, 0.0)


def pair(gain: float = 8.0, noise: float = 0.0, seed: int = 1) -> tuple[Image, Image]:
    """An N3 image with rectified noise, and the z-scored image of the same signal."""
    draw = np.random.default_rng(seed)
    native = np.abs(gain * signal(NATIVE, SPACING) + draw.normal(0, noise, NATIVE))
    fine = SLOPE * gain * signal(FINE, (1, 1, 1)) + INTERCEPT
    n3 = Image(np.rint(native).astype(np.int16), NATIVE_AFFINE, (1.0, 0.0))
    return n3, Image(fine.astype(np.float32), FINE_AFFINE, (1.0, 0.0))


def fitted(n3: Image, zscored: Image) -> Fit:
    found = fit_phase(n3, zscored)
    assert found is not None
    return found


def linear(intensity: float = 1.0) -> tuple[Image, Image]:
    """Images that are linear in place: resampling makes no error, so the line is exact."""
    x, y, z = np.indices(NATIVE)
    native = (400 + 90 * x + 30 * y + 60 * z).astype(np.int16)
    i, j, k = np.indices(FINE)
    value = 400 + 60 * i + 20 * j + 30 * k
    n3 = Image(native, NATIVE_AFFINE, (1.0, 0.0))
    zscored = (SLOPE * intensity * value + INTERCEPT).astype(np.float32)
    return n3, Image(zscored, FINE_AFFINE, (1.0, 0.0))


def test_an_exact_line() -> None:
    found = fitted(*linear())
    assert found.slope == pytest.approx(SLOPE, rel=1e-5)
    assert found.intercept == pytest.approx(INTERCEPT, abs=1e-4)
    assert found.r_squared == pytest.approx(1.0)
    # 59 x 59 x 47 centres lie inside the N3 grid; those below a tenth of its p99 do not count.
    assert found.n_voxels + found.n_outliers <= 59 * 59 * 47


def test_air_and_noise_do_not_bend_the_line() -> None:
    """Rectified noise fills more than half of the image; with it the slope would be off."""
    n3, zscored = pair(noise=200.0)
    assert np.median(n3.voxels[:3]) > 100
    found = fitted(n3, zscored)
    assert found.slope == pytest.approx(SLOPE, rel=0.01)
    x, y = phase_fit._select_pairs(n3, zscored)
    everything = np.polyfit(*_all_pairs(n3, zscored), 1)[0]
    assert abs(everything / SLOPE - 1) > 3 * abs(found.slope / SLOPE - 1)
    assert x.size == y.size < 0.5 * zscored.voxels.size


def _all_pairs(n3: Image, zscored: Image) -> tuple[Array, Array]:
    numbers = range(FINE[2])
    planes = resample_planes(
        n3.voxels, n3.affine, zscored.affine, (FINE[0], FINE[1], FINE[2]), numbers
    )
    x = np.stack(list(planes), axis=2)
    inside = np.isfinite(x)
    return x[inside], zscored.voxels[inside]


def test_a_stretched_phase_has_another_slope() -> None:
    n3, zscored = pair()
    stretched = replace(n3, voxels=np.rint(n3.voxels * 3.1).astype(np.int16))
    ratio = fitted(n3, zscored).slope / fitted(stretched, zscored).slope
    assert ratio == pytest.approx(3.1, rel=1e-3)


@pytest.mark.parametrize("dtype", [np.int16, np.uint16])
def test_voxels_that_are_cut_off_do_not_count(dtype: type) -> None:
    n3, zscored = pair()
    values = np.rint(n3.voxels.astype(np.float64) / n3.voxels.max() * np.iinfo(dtype).max * 1.6)
    cut = replace(n3, voxels=np.minimum(values, np.iinfo(dtype).max).astype(dtype))
    whole = replace(n3, voxels=values.astype(np.float32))
    assert fitted(cut, zscored).slope == pytest.approx(fitted(whole, zscored).slope, rel=0.01)


def test_voxels_that_are_not_finite_do_not_count() -> None:
    n3, zscored = linear()
    clean = fitted(n3, zscored)
    odd, score = n3.voxels.astype(np.float32), zscored.voxels.copy()
    odd[20, 20, 10], odd[5, 30, 12] = np.nan, np.inf
    score[10, 10, 10], score[30, 30, 30], score[31, 30, 30] = np.nan, np.inf, -np.inf
    found = fitted(replace(n3, voxels=odd), replace(zscored, voxels=score))
    assert found.slope == pytest.approx(clean.slope, rel=1e-5)
    assert found.n_voxels + found.n_outliers < clean.n_voxels + clean.n_outliers


def test_scaling_of_the_headers_counts() -> None:
    n3, zscored = linear()
    plain = fitted(n3, zscored)
    found = fitted(replace(n3, scaling=(2.0, 50.0)), replace(zscored, scaling=(3.0, 1.0)))
    assert found.slope == pytest.approx(plain.slope * 3 / 2, rel=1e-4)
    assert found.intercept == pytest.approx(3 * plain.intercept + 1 - 50 * found.slope, abs=1e-3)


def test_outliers_are_left_out_and_counted() -> None:
    n3, zscored = linear()
    odd = zscored.voxels + np.random.default_rng(1).normal(0, 0.01, FINE).astype(np.float32)
    odd[:6, :, :] += 30.0
    found = fitted(n3, replace(zscored, voxels=odd))
    assert found.slope == pytest.approx(SLOPE, rel=1e-3)
    assert found.n_outliers > 0.03 * found.n_voxels


def test_unrelated_images_have_no_line_to_speak_of() -> None:
    n3, zscored = linear()
    noise = np.random.default_rng(2).normal(0, 1, FINE).astype(np.float32)
    assert fitted(n3, replace(zscored, voxels=noise)).r_squared < 0.01


def test_without_voxels_there_is_no_line() -> None:
    n3, zscored = linear()
    assert fit_phase(replace(n3, voxels=np.zeros(NATIVE, np.int16)), zscored) is None
    assert fit_phase(replace(n3, voxels=np.full(NATIVE, 7, np.int16)), zscored) is None
    assert fit_phase(replace(n3, voxels=np.full(NATIVE, np.nan, np.float32)), zscored) is None
    apart = n3.affine.copy()
    apart[0, 3] += 500
    assert fit_phase(replace(n3, affine=apart), zscored) is None
    few = replace(zscored, voxels=zscored.voxels[:9, :9, :9])
    assert fit_phase(n3, few) is None


def test_a_constant_z_score_has_slope_0() -> None:
    n3, zscored = linear()
    found = fitted(n3, replace(zscored, voxels=np.full(FINE, 2, np.float32)))
    assert (found.slope, found.intercept, found.r_squared) == (0.0, 2.0, 0.0)


def test_of_large_images_every_kth_plane_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    n3, zscored = pair(noise=10.0)
    whole = fitted(n3, zscored)
    monkeypatch.setattr(phase_fit, "MOST_VOXELS", 60_000)
    part = fitted(n3, zscored)
    assert 0.25 < part.n_voxels / whole.n_voxels < 0.4
    assert part.slope == pytest.approx(whole.slope, rel=2e-3)


@given(gain=st.floats(0.3, 4.0), slope=st.floats(1e-5, 10), shift=st.floats(-5, 5))
def test_the_slope_follows_the_images(gain: float, slope: float, shift: float) -> None:
    """Multiply the N3 image and the slope divides; change the z-score and the line follows."""
    n3, zscored = linear()
    plain = fitted(n3, zscored)
    brighter = replace(n3, voxels=(n3.voxels * gain).astype(np.float32))
    moved = replace(zscored, voxels=(zscored.voxels * slope + shift).astype(np.float32))
    found = fitted(brighter, moved)
    assert found.slope == pytest.approx(plain.slope * slope / gain, rel=1e-3)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_flipped_image_has_the_same_line(axis: int) -> None:
    n3, zscored = pair(noise=20.0)
    flip = np.eye(4)
    flip[axis, axis], flip[axis, 3] = -1.0, NATIVE[axis] - 1
    flipped = Image(np.flip(n3.voxels, axis), n3.affine @ flip, n3.scaling)
    found, plain = fitted(flipped, zscored), fitted(n3, zscored)
    assert found.slope == pytest.approx(plain.slope, rel=1e-6)
    assert found.n_voxels == pytest.approx(plain.n_voxels, rel=1e-3)
