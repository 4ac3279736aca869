"""Distances to a mask's border, against scipy's Euclidean distance transform."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.ndimage import distance_transform_edt

from etl.measure import border
from etl.measure.border import measure_border_distance

SPACING = st.tuples(*[st.sampled_from((0.5, 0.78125, 1.0, 2.0))] * 3)
MASKS = arrays.arrays(bool, st.tuples(*[st.integers(1, 9)] * 3), elements=st.booleans())


@given(MASKS, SPACING, st.sampled_from((0.0, 1.0, 2.5)))
@settings(max_examples=50, deadline=None)
def test_distances_are_those_of_the_distance_transform(
    bits: np.ndarray, spacing: tuple[float, float, float], margin_mm: float
) -> None:
    bits, others = np.asfortranarray(bits), np.zeros(bits.shape, bool)
    others[0, 0, 0] = others[-1, -1, -1] = True
    affine = np.diag([*spacing, 1.0])
    positions, distance = measure_border_distance(bits, affine, margin_mm, others)
    if bits.all() or not bits.any():
        assert distance is None
        assert set(np.flatnonzero(bits.ravel(order="F"))) <= set(positions)
        return
    outside = distance_transform_edt(~bits, sampling=spacing)
    signed = np.where(bits, -distance_transform_edt(bits, sampling=spacing), outside)
    near = np.flatnonzero((outside <= margin_mm + 1e-9).ravel(order="F"))
    assert set(positions) == {*near, 0, bits.size - 1}
    assert distance is not None
    assert distance == pytest.approx(signed.ravel(order="F")[positions], abs=1e-9)


def test_a_far_voxel_of_another_mask_has_its_distance() -> None:
    bits = np.zeros((40, 4, 4), bool, order="F")
    bits[:2] = True
    other = np.zeros_like(bits)
    other[39, 0, 0] = True
    positions, distance = measure_border_distance(bits, np.eye(4), 1, other)
    assert distance is not None
    assert dict(zip(positions.tolist(), distance, strict=True))[39] == 38


def test_without_a_transform_the_distances_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    bits = np.zeros((20, 20, 20), bool, order="F")
    bits[:14, 3:17, 4:18] = True
    transformed = measure_border_distance(bits, np.diag([1, 2, 1, 1.0]), 1, bits)
    monkeypatch.setattr(border, "MAX_TRANSFORMED", 0)
    searched = measure_border_distance(bits, np.diag([1, 2, 1, 1.0]), 1, bits)
    assert (transformed[0] == searched[0]).all()
    assert transformed[1] == pytest.approx(searched[1], abs=1e-9)


def test_a_turned_grid_measures_as_a_straight_one() -> None:
    bits = np.zeros((9, 9, 9), bool, order="F")
    bits[2:6, 3:7, 4:6] = True
    turn = np.array([[0.6, -0.8, 0, 5], [0.8, 0.6, 0, -7], [0, 0, 1, 3], [0, 0, 0, 1.0]])
    straight = measure_border_distance(bits, np.eye(4), 2, bits)
    turned = measure_border_distance(bits, turn, 2, bits)
    assert (turned[0] == straight[0]).all()
    assert turned[1] == pytest.approx(straight[1])
