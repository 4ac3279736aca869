"""The truth about pairs of masks, against the files themselves."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import KDTree

from etl.phantom.grids import Grid
from etl.phantom.shapes import carry

from .conftest import MASKS, Phantom

Points = NDArray[np.float64]


def foreground(phantom: Phantom, case_id: str, mask: str) -> tuple[NDArray[np.bool_], Points]:
    image: Any = nib.load(phantom.mask(case_id, mask))
    return np.asarray(image.dataobj.get_unscaled()) != 0, image.affine


def on_grid_of_the_first(
    one: tuple[NDArray[np.bool_], Points], other: tuple[NDArray[np.bool_], Points]
) -> NDArray[np.bool_]:
    """Every voxel centre of the first through both affines."""
    index = np.indices(one[0].shape).reshape(3, -1)
    step = np.linalg.inv(other[1]) @ one[1]
    where = np.floor(np.round(step[:3, :3] @ index + step[:3, 3:], 6) + 0.5).astype(int)
    size = np.array(other[0].shape)[:, None]
    inside = ((where >= 0) & (where < size)).all(axis=0)
    found: NDArray[np.bool_] = other[0][tuple(where.clip(0, size - 1))] & inside
    return found.reshape(one[0].shape)


def surface_points(bits: NDArray[np.bool_], affine: Points) -> Points:
    padded = np.pad(bits, 1)
    core = padded.copy()
    for axis in range(3):
        core &= np.roll(padded, 1, axis) & np.roll(padded, -1, axis)
    index = np.argwhere(padded & ~core) - 1
    places: Points = index @ affine[:3, :3].T
    return places


@pytest.mark.parametrize(("a", "b"), list(combinations(MASKS, 2)))
def test_pairs_agree_with_the_files(phantom: Phantom, a: str, b: str) -> None:
    for case_id in phantom.case_ids:
        one, other = foreground(phantom, case_id, a), foreground(phantom, case_id, b)
        bits = on_grid_of_the_first(one, other)
        truth = phantom.facts(case_id, f"{a}|{b}")
        both = (one[0] & bits).sum()
        assert truth["dice"] == 2 * both / (one[0].sum() + bits.sum())
        assert truth["jaccard"] == both / (one[0] | bits).sum()
        assert truth["a_inside_b_fraction"] == both / one[0].sum()
        assert truth["b_inside_a_fraction"] == both / bits.sum()
        edges = [surface_points(found, one[1]) for found in (one[0], bits)]
        there, back = (np.asarray(KDTree(to).query(at)[0]) for at, to in (edges, edges[::-1]))
        assert truth["hausdorff_mm"] == pytest.approx(max(there.max(), back.max()))
        percentiles = [float(np.percentile(d, 95)) for d in (there, back)]
        assert truth["hausdorff95_mm"] == pytest.approx(max(percentiles))
        total = there.sum() + back.sum()
        assert truth["assd_mm"] == pytest.approx(total / (there.size + back.size))
        centres = [np.argwhere(found).mean(axis=0) @ one[1][:3, :3].T for found in (one[0], bits)]
        apart = float(np.linalg.norm(centres[0] - centres[1]))
        assert truth["centroid_distance_mm"] == pytest.approx(apart)
        volumes = [m[0].sum() * abs(np.linalg.det(m[1][:3, :3])) / 1000 for m in (one, other)]
        assert truth["volume_ratio"] == pytest.approx(volumes[0] / volumes[1])
        assert truth["volume_difference_cm3"] == pytest.approx(volumes[0] - volumes[1])
        assert len(truth) == 10


def test_what_lies_outside_the_other_grid_is_background() -> None:
    source = Grid((2, 2, 2), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    target = Grid((9, 3, 2), (0.5, 0.5, 1.0), (0.0, 0.0, 0.0))
    found = carry(np.ones((2, 2, 2), np.uint8), source, target)  # z, y, x
    assert found.shape == (2, 3, 9)
    assert found[0, 0].tolist() == [1] * 3 + [0] * 6  # 0, 0.5 and 1 mm lie inside
