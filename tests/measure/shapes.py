"""Masks and affines that the tests of this folder draw."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from support import Array

sizes = st.tuples(*[st.integers(1, 7)] * 3)
masks = sizes.flatmap(lambda size: hnp.arrays(bool, size)).filter(lambda bits: bool(bits.any()))
affines = (
    st.tuples(
        hnp.arrays(float, (3, 3), elements=st.floats(-3, 3)),
        hnp.arrays(float, (3,), elements=st.floats(-100, 100)),
    )
    .map(lambda parts: _affine(*parts))
    .filter(lambda a: abs(np.linalg.det(a[:3, :3])) > 0.05)
)


def _affine(linear: Array, offset: Array) -> Array:
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = linear, offset
    return affine


def turned(
    bits: Array, affine: Array, order: tuple[int, ...], flips: tuple[bool, ...]
) -> tuple[Array, Array]:
    """The same voxels at the same places, with array axes in another order and direction."""
    step = np.eye(4)
    for axis, flip in enumerate(flips):
        if flip:
            step[axis, axis] = -1
            step[axis, 3] = bits.shape[axis] - 1
    flipped = bits[tuple(slice(None, None, -1) if flip else slice(None) for flip in flips)]
    swap = np.eye(4)[:, [*order, 3]]
    return flipped.transpose(order), affine @ step @ swap


turns = st.tuples(
    st.sampled_from(list(permutations(range(3)))),
    st.sampled_from(list(product([False, True], repeat=3))),
)
