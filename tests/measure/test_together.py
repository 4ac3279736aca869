"""A region whose parts are moved together has the neighbours that it had."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from support import Array

from etl.measure.together import move_together

STEPS = [(x, y, z) for x in (-1, 0, 1) for y in (-1, 0, 1) for z in (-1, 0, 1)]
# Few voxels in a wide box, so that there is something to move.
scattered = hnp.arrays(np.int8, (9, 8, 10), elements=st.integers(1, 5), fill=st.just(0))


def neighbourhoods(levels: Array) -> list[tuple[float, ...]]:
    """The 27 levels around every voxel of a region, 0 for none, in any order of voxels."""
    padded = np.nan_to_num(np.pad(levels, 1, constant_values=np.nan))
    return sorted(
        tuple(padded[tuple(where + step)] for step in STEPS) for where in np.argwhere(padded)
    )


@given(scattered)
def test_no_voxel_gains_or_loses_a_neighbour(image: Array) -> None:
    levels = np.where(image > 0, image, np.nan).astype(float)
    if not image.any():
        return
    moved = move_together(levels)
    assert neighbourhoods(moved) == neighbourhoods(levels)
    assert moved.size <= levels.size


def test_a_satellite_is_moved_near() -> None:
    levels = np.full((40, 40, 40), np.nan)
    levels[2:6, 2:6, 2:6] = np.arange(64).reshape(4, 4, 4)
    levels[38, 38, 38:40] = 7
    moved = move_together(levels)
    assert moved.shape == (6, 4, 4)
    assert neighbourhoods(moved) == neighbourhoods(levels)


def test_one_part_is_left_alone() -> None:
    levels = np.full((6, 6, 6), 1.0)
    levels[0, 0, 0] = np.nan
    assert move_together(levels) is levels


def test_parts_that_touch_at_a_corner_stay_together() -> None:
    levels = np.full((20, 20, 20), np.nan)
    levels[0, 0, 0] = levels[1, 1, 1] = 3
    levels[19, 19, 19] = 4
    moved = move_together(levels)
    assert neighbourhoods(moved) == neighbourhoods(levels)
    assert moved.shape == (4, 2, 2)
