"""Masks carried between grids: against a loop over every voxel, and what must not change."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from support import FINE, FINE_AFFINE, NATIVE, NATIVE_AFFINE, ball

from etl.measure.carry import carry, find_grid_index, index_map
from measure.by_hand import carry_by_hand
from measure.shapes import affines, masks, turned, turns

Array = npt.NDArray[Any]


def rotated(angles: tuple[float, float, float], spacing: tuple[float, ...], shift: Array) -> Array:
    """An oblique affine: spacings, then turns about r, a and s, then a shift."""
    turn = np.eye(3)
    for axis, angle in enumerate(angles):
        one, other = [n for n in range(3) if n != axis]
        step = np.eye(3)
        step[one, one] = step[other, other] = np.cos(angle)
        step[one, other], step[other, one] = -np.sin(angle), np.sin(angle)
        turn = step @ turn
    affine = np.eye(4)
    affine[:3, :3] = turn * np.array(spacing)
    affine[:3, 3] = shift
    return affine


def test_a_mask_carried_to_its_own_grid_is_the_same() -> None:
    bits = ball(FINE, (9, 7, 8), 4)
    assert (carry(bits, FINE_AFFINE, FINE_AFFINE, FINE) == bits).all()


def test_between_the_grids_of_the_release() -> None:
    bits = ball(FINE, (9, 7, 8), 4)
    carried = carry(bits, FINE_AFFINE, NATIVE_AFFINE, NATIVE)
    assert (carried == carry_by_hand(bits, FINE_AFFINE, NATIVE_AFFINE, NATIVE)).all()
    assert 0 < carried.sum() < bits.sum()
    assert carried.flags.f_contiguous


def test_half_way_goes_up() -> None:
    """A centre on the face of two voxels takes the upper one, on both sides of 0."""
    bits = np.array([True, False, True, False]).reshape(4, 1, 1)
    shifted = np.eye(4)
    shifted[0, 3] = 0.5
    assert carry(bits, np.eye(4), shifted, (4, 1, 1)).ravel().tolist() == [
        False,
        True,
        False,
        False,
    ]
    shifted[0, 3] = -0.5
    assert carry(bits, np.eye(4), shifted, (4, 1, 1)).ravel().tolist() == [True, False, True, False]


def test_rounding_noise_decides_nothing() -> None:
    bits = np.array([True, False]).reshape(2, 1, 1)
    for noise in (-1e-9, 0.0, 1e-9):
        shifted = np.eye(4)
        shifted[0, 3] = 0.5 + noise
        assert not carry(bits, np.eye(4), shifted, (1, 1, 1)).any()


def test_outside_is_background() -> None:
    bits = np.ones((3, 3, 3), bool)
    far = np.eye(4)
    far[:3, 3] = 100.0
    assert not carry(bits, np.eye(4), far, (5, 5, 5)).any()
    near = np.eye(4)
    near[:3, 3] = -2.0
    assert carry(bits, np.eye(4), near, (9, 9, 9)).sum() == 27


def test_an_empty_mask_stays_empty() -> None:
    assert not carry(np.zeros(FINE, bool), FINE_AFFINE, NATIVE_AFFINE, NATIVE).any()


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_flipped_source_gives_the_same(axis: int) -> None:
    bits = ball(FINE, (5, 7, 11), 4)
    flip = np.eye(4)
    flip[axis, axis], flip[axis, 3] = -1.0, FINE[axis] - 1
    target = NATIVE_AFFINE.copy()
    target[:3, 3] += 0.2  # no centre on a face: there, `up` is the other way in a flipped source
    flipped = carry(np.flip(bits, axis), FINE_AFFINE @ flip, target, NATIVE)
    assert (flipped == carry(bits, FINE_AFFINE, target, NATIVE)).all()


angle = st.floats(-3.2, 3.2)
step = st.floats(0.4, 2.5)
offset = st.floats(-6, 6)


@given(
    angles=st.tuples(angle, angle, angle),
    spacing=st.tuples(step, step, step),
    shift=st.tuples(offset, offset, offset),
    seed=st.integers(0, 1000),
)
def test_oblique_flipped_and_shifted_grids(
    angles: tuple[float, float, float],
    spacing: tuple[float, float, float],
    shift: tuple[float, float, float],
    seed: int,
) -> None:
    bits = np.random.default_rng(seed).random((4, 5, 3)) < 0.5
    source = rotated(angles, spacing, np.array(shift))
    target = np.diag([1.1, -0.8, 0.9, 1.0])
    index = np.round(np.linalg.inv(source) @ target @ _homogeneous((5, 4, 6)), 6)[:3]
    # A centre within rounding of a face may fall on either side of it.
    if (np.abs(index + 0.5 - np.round(index + 0.5)) < 2e-6).any():
        return
    expected = carry_by_hand(bits, source, target, (5, 4, 6))
    assert (carry(bits, source, target, (5, 4, 6)) == expected).all()


@given(masks, affines, hnp.arrays(float, (3, 4), elements=st.floats(-0.4, 0.4)), turns)
def test_sheared_grids_and_a_source_in_any_order_of_axes(
    bits: Array, source: Array, shear: Array, turn: tuple[tuple[int, ...], tuple[bool, ...]]
) -> None:
    """The target's axes are a sheared source's, sheared again; a turned source changes nothing."""
    target = source @ (np.eye(4) + np.pad(shear, ((0, 1), (0, 0))))
    size = (5, 4, 6)
    index = np.round(np.linalg.inv(source) @ target @ _homogeneous(size), 6)[:3]
    if (np.abs(index + 0.5 - np.round(index + 0.5)) < 2e-6).any():
        return  # on a face: `up` is the other way in a turned source
    carried = carry(bits, source, target, size)
    assert (carried == carry_by_hand(bits, source, target, size)).all()
    turned_bits, turned_source = turned(bits, source, *turn)
    assert (carry(turned_bits, turned_source, target, size) == carried).all()


def _homogeneous(size: tuple[int, int, int]) -> Array:
    index = np.indices(size).reshape(3, -1)
    return np.concatenate([index, np.ones((1, index.shape[1]))])


def test_parallel_grids_cost_one_line_an_axis() -> None:
    box = (slice(0, 12), slice(0, 10), slice(0, 8))
    shapes = [index.size for index in find_grid_index(FINE_AFFINE, NATIVE_AFFINE, box)]
    assert shapes == [12, 10, 8]
    assert np.allclose(index_map(FINE_AFFINE, NATIVE_AFFINE)[:, 3], 0)
