"""Masks of noise, as networks give them before clean-up (nnU-Net 2366, MONAI model-zoo 556)."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import CASES, FINE, FINE_AFFINE, Row, build_table, findings, rows, write_nifti

from etl.build.index import write_indexes
from etl.measure.mask import crop, find_components
from etl.measure.shape import measure_shape
from etl.measure.together import move_together
from etl.model.errors import UserError
from etl.model.params_file import set_params
from etl.model.project import params

Array = np.ndarray[Any, np.dtype[Any]]
SIZE = (48, 48, 48)
CASE = CASES[0]
TABLES = ("mask_agreement", "recomputed_features")


def noise(share: float, size: tuple[int, ...] = SIZE) -> Array:
    return np.asfortranarray(np.random.default_rng(1).random(size) < share)


def single_voxels() -> Array:
    """Every third voxel of every third line: none touches another."""
    bits = np.zeros(SIZE, bool, order="F")
    bits[1::3, 1::3, 1::3] = True
    return bits


def bytes_per_voxel(call: Callable[[], object]) -> float:
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1] / np.prod(SIZE)
    finally:
        tracemalloc.stop()


def test_islands_cost_what_their_box_costs() -> None:
    """4,096 islands of one size: there was a copy of the box for each."""
    found = crop(single_voxels())
    assert found
    assert bytes_per_voxel(lambda: find_components(found)) < 50
    parts = find_components(found)
    assert (parts.count, parts.largest.box) == (16**3, ((1, 1, 1), (1, 1, 1)))


def test_the_first_of_the_largest_islands_in_array_order() -> None:
    bits = np.zeros((9, 9, 9), bool, order="F")
    bits[2, 7, 1:3] = bits[3, 0, 0:2] = bits[0, 0, 0] = True
    found = crop(bits)
    assert found
    assert find_components(found).largest.box == ((2, 7, 1), (2, 7, 2))


@pytest.mark.parametrize("share", [0.02, 0.5, 0.98])
def test_shape_of_noise_costs_what_its_box_costs(share: float) -> None:
    """The mesh of 7 million voxels of noise took 6 GB; its numbers need no mesh."""
    found = crop(noise(share))
    assert found
    measure_shape(found, FINE_AFFINE)  # the triangles of a cube are made once
    assert bytes_per_voxel(lambda: measure_shape(found, FINE_AFFINE)) < 100


def test_islands_beside_a_lesion_lie_in_no_row() -> None:
    """Such a row, as high as the lesion and 8,000 long, was larger than the mask's box."""
    bits = single_voxels()
    bits[:24, :24, :24] = True
    moved = move_together(np.where(bits, 1.0, np.nan))
    assert np.count_nonzero(moved == 1) == np.count_nonzero(bits)
    assert max(moved.shape) < 48
    assert moved.size < 0.6 * bits.size


@pytest.fixture
def noisy(project: Path, release: Path) -> Path:
    """One case whose expert's mask is noise, and a limit that the other masks keep."""
    bits = noise(0.5, FINE)
    write_nifti(release / f"masks_stv_manual/{CASE}.nii.gz", bits.astype(np.uint8), FINE_AFFINE)
    set_params(project / "params.yaml", {"limits.surface_voxels": 400})
    params.cache_clear()
    write_indexes(project)
    return project


def told(root: Path, name: str) -> list[Row]:
    found: list[Row] = findings(root, table=name)
    return [row for row in found if row["check"].startswith("above_limit")]


def test_what_is_given_up_is_null_and_names_the_limit(noisy: Path) -> None:
    for name in TABLES:
        build_table(noisy, name, workers=1)
    compared = {
        (row["case_id"], row["mask_a"], row["mask_b"]): (row["dice"], row["hausdorff_mm"])
        for row in rows(noisy, "mask_agreement")
    }
    for (case, *pair), (dice, distance) in compared.items():
        assert dice is not None
        assert (distance is None) == (case == CASE and "stv_manual" in pair)
    for row in rows(noisy, "recomputed_features"):
        assert (row["value"] is None) == ((row["case_id"], row["mask"]) == (CASE, "stv_manual"))
    for name in TABLES:
        (finding,) = told(noisy, name)
        where = (finding["case_id"], finding["path"], finding["check"])
        path = f"masks_stv_manual/{CASE}.nii.gz"
        assert where == (CASE, path, "above_limit:limits.surface_voxels")
        assert "raise limits.surface_voxels" in finding["fix"]


def test_a_region_above_its_limit(noisy: Path) -> None:
    set_params(
        noisy / "params.yaml", {"limits.region_voxels": 1000, "limits.surface_voxels": 100000}
    )
    params.cache_clear()
    build_table(noisy, "recomputed_features", workers=1)
    (finding,) = told(noisy, "recomputed_features")
    assert finding["check"] == "above_limit:limits.region_voxels"
    assert finding["case_id"] == CASE


@pytest.mark.parametrize("limit", ["lots", 0, 1.5, True])
def test_a_limit_that_is_none(noisy: Path, limit: str | float) -> None:
    set_params(noisy / "params.yaml", {"limits.surface_voxels": limit})
    params.cache_clear()
    with pytest.raises(UserError, match=r"limits\.surface_voxels is .* whole number above 0"):
        build_table(noisy, "mask_agreement", workers=1)
