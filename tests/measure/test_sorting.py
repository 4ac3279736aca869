"""Sorting by counts against numpy's sort."""

from __future__ import annotations

import numpy as np
import pytest

from etl.measure.sorting import BUCKETS, SAMPLE, sort_voxels

RNG = np.random.default_rng(0)
FEW = RNG.normal(size=500)
VOXELS = {
    "few values": RNG.choice(FEW, 5 * SAMPLE),
    "values that no sample holds": np.append(RNG.choice(FEW, 5 * SAMPLE), RNG.normal(size=999)),
    "as many values as voxels": RNG.normal(size=5 * SAMPLE),
    "more values than buckets": RNG.permutation(np.arange(2.0 * BUCKETS)),
    "nothing finite": RNG.choice([np.nan, np.inf, -np.inf], SAMPLE),
    "zeros of both signs": RNG.choice([-1.0, -0.0, 0.0, 1.0], SAMPLE),
    "a voxel": np.ones(1),
}


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("voxels", VOXELS)
def test_as_numpy_sorts(voxels: str, dtype: str) -> None:
    flat = VOXELS[voxels].astype(dtype)
    np.testing.assert_array_equal(sort_voxels(flat), np.sort(flat))
