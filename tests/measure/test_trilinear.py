"""Trilinear resampling: against a loop over every voxel, and functions that it cannot miss."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import FINE, FINE_AFFINE, NATIVE, NATIVE_AFFINE

from etl.measure.trilinear import Size, resample_planes
from measure.test_carry import rotated

Array = npt.NDArray[Any]


def resampled(voxels: Array, source: Array, target: Array, size: Size) -> Array:
    planes = list(resample_planes(voxels, source, target, size, range(size[2])))
    return np.stack(planes, axis=2)


def by_loop(voxels: Array, source: Array, target: Array, size: Size) -> Array:
    """The definition, voxel by voxel, in float64."""
    out = np.full(size, np.nan)
    last = np.array(voxels.shape) - 1
    for at in np.ndindex(*size):
        index = np.round((np.linalg.inv(source) @ target @ np.array([*at, 1.0]))[:3], 6)
        if (index < 0).any() or (index > last).any():
            continue
        low = np.minimum(np.floor(index).astype(int), np.maximum(last - 1, 0))
        total = 0.0
        for corner in np.ndindex(2, 2, 2):
            share = np.where(corner, index - low, 1 - (index - low)).prod()
            if share:
                total += share * voxels[tuple(np.minimum(low + corner, last))]
        out[at] = total
    return out


def test_onto_its_own_grid_it_is_the_same() -> None:
    voxels = np.random.default_rng(1).integers(-9, 9, FINE).astype(np.int16)
    assert (resampled(voxels, FINE_AFFINE, FINE_AFFINE, FINE) == voxels).all()


def test_between_the_grids_of_the_release() -> None:
    voxels = np.random.default_rng(2).normal(0, 1, NATIVE).astype(np.float32)
    found = resampled(voxels, NATIVE_AFFINE, FINE_AFFINE, FINE)
    np.testing.assert_allclose(
        found, by_loop(voxels, NATIVE_AFFINE, FINE_AFFINE, FINE), atol=1e-6, equal_nan=True
    )
    # 18 x 15 x 16 centres of 1 mm; the last native centres lie at 16.5, 13.5 and 14 mm.
    assert np.isfinite(found[:17, :14, :15]).all()
    assert np.isnan(found[17:]).all()
    assert np.isnan(found[:, 14:]).all()
    assert np.isnan(found[:, :, 15:]).all()


def test_only_the_planes_that_are_asked_for() -> None:
    voxels = np.random.default_rng(3).normal(0, 1, NATIVE).astype(np.float32)
    whole = resampled(voxels, NATIVE_AFFINE, FINE_AFFINE, FINE)
    third = list(resample_planes(voxels, NATIVE_AFFINE, FINE_AFFINE, FINE, range(1, 16, 3)))
    np.testing.assert_array_equal(np.stack(third, axis=2), whole[:, :, 1:16:3])


def test_a_voxel_that_is_nan_spoils_its_neighbours_alone() -> None:
    voxels = np.zeros((4, 4, 4), np.float32)
    voxels[1, 1, 1] = np.nan
    half = np.diag([0.5, 0.5, 0.5, 1.0])
    found = resampled(voxels, np.eye(4), half, (7, 7, 7))
    expected = np.zeros((7, 7, 7), bool)
    expected[1:4, 1:4, 1:4] = True  # centres at 0.5, 1 and 1.5
    assert (np.isnan(found) >= expected).all()
    assert not np.isnan(found[5:]).any()
    assert not np.isnan(found[:, :, 5:]).any()


def test_an_image_of_one_slice() -> None:
    voxels = np.arange(6, dtype=np.uint8).reshape(2, 3, 1)
    assert (resampled(voxels, np.eye(4), np.eye(4), (2, 3, 1)) == voxels).all()
    assert np.isnan(resampled(voxels, np.eye(4), np.eye(4), (2, 3, 2))[:, :, 1]).all()


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_flipped_source_gives_the_same(axis: int) -> None:
    voxels = np.random.default_rng(4).normal(0, 1, NATIVE).astype(np.float32)
    flip = np.eye(4)
    flip[axis, axis], flip[axis, 3] = -1.0, NATIVE[axis] - 1
    found = resampled(np.flip(voxels, axis), NATIVE_AFFINE @ flip, FINE_AFFINE, FINE)
    expected = resampled(voxels, NATIVE_AFFINE, FINE_AFFINE, FINE)
    np.testing.assert_allclose(found, expected, atol=1e-6, equal_nan=True)


def test_axes_in_another_order_give_the_same() -> None:
    voxels = np.random.default_rng(5).normal(0, 1, NATIVE).astype(np.float32)
    turn = np.eye(4)[[2, 0, 1, 3]]  # index of the turned image to index of the image
    turned = np.moveaxis(voxels, (0, 1, 2), (1, 2, 0))
    found = resampled(turned, NATIVE_AFFINE @ turn.T, FINE_AFFINE, FINE)
    expected = resampled(voxels, NATIVE_AFFINE, FINE_AFFINE, FINE)
    np.testing.assert_allclose(found, expected, atol=1e-6, equal_nan=True)


angle = st.floats(-3.2, 3.2)
step = st.floats(0.4, 2.5)


@given(
    angles=st.tuples(angle, angle, angle),
    spacing=st.tuples(step, step, step),
    shift=st.tuples(*[st.floats(-3, 3)] * 3),
    seed=st.integers(0, 1000),
)
def test_oblique_and_shifted_grids(
    angles: tuple[float, float, float],
    spacing: tuple[float, float, float],
    shift: tuple[float, float, float],
    seed: int,
) -> None:
    voxels = np.random.default_rng(seed).normal(0, 1, (4, 5, 3))
    source = rotated(angles, spacing, np.array(shift))
    target, size = np.diag([1.1, -0.8, 0.9, 1.0]), (4, 3, 5)
    found = resampled(voxels, source, target, size)
    expected = by_loop(voxels, source, target, size)
    # Rounded to 1e-6, a centre on the edge may fall on either side of it.
    both = np.isfinite(found) & np.isfinite(expected)
    np.testing.assert_allclose(found[both], expected[both], atol=1e-5)
    assert abs(int(np.isfinite(found).sum()) - int(np.isfinite(expected).sum())) <= 1
