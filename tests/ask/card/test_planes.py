"""Planes by world coordinates."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from support import FINE, FINE_AFFINE, NATIVE, NATIVE_AFFINE, Array, ball

from etl.ask.card.planes import VIEWS, View, make_frame, make_millimetre_grid, make_points, sample
from etl.measure.grids import determinant, invert

CENTRE = (68.0, 31.0, -23.0)  # the voxel (9, 7, 8) of the 1 mm grid


def planes(voxels: Array, affine: Array, view: View) -> tuple[Array, Array]:
    return sample(voxels, affine, make_points(make_frame(FINE, FINE_AFFINE, CENTRE), view))


@given(arrays(np.float64, (3, 4), elements=st.floats(-3, 3)))
def test_inverse_undoes_an_affine(top: Array) -> None:
    affine = np.vstack([top, [0, 0, 0, 1]])
    if abs(determinant(affine)) < 0.1:
        return
    assert np.allclose(invert(affine) @ affine, np.eye(4), atol=1e-6)


def test_pixels_are_voxels_on_the_1_mm_grid() -> None:
    voxels = np.arange(np.prod(FINE)).reshape(FINE)
    # PSR axes: x grows to posterior, y to superior, z to the right.
    expected = {
        "axial": voxels[:, 7, ::-1],  # rows from anterior, columns from the right
        "coronal": voxels[9, ::-1, ::-1],  # rows from superior, columns from the right
        "sagittal": voxels[:, ::-1, 8].T,  # rows from superior, columns from anterior
    }
    for view in VIEWS:
        values, inside = planes(voxels, FINE_AFFINE, view)
        assert inside.all()
        assert np.array_equal(values, expected[view])


def test_another_grid_is_carried_by_world_coordinates() -> None:
    """A shift of the native grid moves its mask by as much, and beyond it is background."""
    mask = np.ones(NATIVE, bool)
    whole, _ = planes(mask, NATIVE_AFFINE, "axial")
    shifted = NATIVE_AFFINE.copy()
    shifted[1, 3] -= 5  # 5 mm to posterior
    moved, inside = planes(mask, shifted, "axial")
    assert whole[:, 1:].all()
    assert not whole[:, 0].any()  # 15 mm is half way between the last slice, 14 mm, and beyond
    assert not moved[:4].any()
    assert moved[5:, 1:].all()
    assert np.array_equal(moved, inside)


def test_a_carried_ball_keeps_its_area() -> None:
    fine = np.full(3, 40)
    coarse = np.diag([1.25, 0.8, 1.6, 1.0])
    size = (33, 51, 26)
    index = np.indices(size).reshape(3, -1).T
    voxels = (((index * [1.25, 0.8, 1.6]) - 20) ** 2).sum(axis=1).reshape(size) <= 15**2
    where = make_frame(tuple(fine), np.eye(4), (20.0, 20.0, 20.0))
    for view in VIEWS:
        area = sample(voxels, coarse, make_points(where, view))[0].sum()
        assert area == pytest.approx(np.pi * 15**2, rel=0.05)


def test_every_orientation_shows_the_same_patient() -> None:
    """Flipped and swapped storage of one volume gives the same pixels."""
    voxels = ball(FINE, (9, 7, 8), 4).astype(np.float32)
    voxels[2, 3, 5] = 2
    stored = voxels[::-1].transpose(2, 0, 1)
    affine = np.eye(4)
    affine[:, 0], affine[:, 2] = FINE_AFFINE[:, 2], FINE_AFFINE[:, 1]
    affine[:, 1] = -FINE_AFFINE[:, 0]
    affine[:3, 3] = FINE_AFFINE[:3, 3] + FINE_AFFINE[:3, 0] * (FINE[0] - 1)
    where = make_frame(stored.shape, affine, CENTRE)
    for view in VIEWS:
        found = sample(stored, affine, make_points(where, view))[0]
        assert np.array_equal(found, planes(voxels, FINE_AFFINE, view)[0])


def test_the_1_mm_grid_of_a_native_one() -> None:
    size, affine = make_millimetre_grid(NATIVE, (1.5, 1.5, 2.0), NATIVE_AFFINE)
    assert size == FINE
    assert np.array_equal(affine, FINE_AFFINE)
