"""The tables `voxels` and `voxel_files`: what is a row, and what stands in it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from contract import declared
from rebuild import rebuild
from scipy.ndimage import distance_transform_edt
from support import (
    CASES,
    FINE,
    FINE_AFFINE,
    Row,
    build_table,
    by_nibabel,
    findings,
    mask_voxels,
    rows,
    write_nifti,
)

import etl
from etl.model.errors import UserError
from etl.model.params_file import set_params
from etl.model.project import params
from etl.model.store import list_parts
from etl.tables.voxel_files import MARGIN, describe_part

CASE, OTHER = CASES
_FOLDER = f"images_bias-corrected_resampled_zscored_nifti/{CASE}"
IMAGES = f"{_FOLDER}/{CASE}_DCE_000{{}}_N3_zscored.nii.gz"
MANUAL = f"masks_stv_manual/{CASE}.nii.gz"
OWN = f"masks_mine/{CASE}.nii.gz"


def read_voxels(root: Path, case: str = CASE) -> pl.DataFrame:
    return pl.read_parquet(list_parts(root / "data/tables", "voxels")[case])


def told(root: Path) -> list[tuple[str, str, str | None]]:
    found = findings(root, table="voxel_files")
    return sorted((f["check"], f["severity"], f["path"]) for f in found)


def read_release(root: Path, path: str) -> Any:  # noqa: ANN401  nibabel is not typed
    return by_nibabel(root / "data/release" / path).get_fdata()


def test_a_row_is_a_voxel_in_a_mask_or_near_the_experts(built: Path) -> None:
    voxels = read_voxels(built)
    manual = read_release(built, MANUAL) > 0
    resunet = read_release(built, MANUAL.replace("manual", "resunet")) > 0
    spacing = np.linalg.norm(FINE_AFFINE[:3, :3], axis=0)
    outside = distance_transform_edt(~manual, sampling=spacing)
    inside = distance_transform_edt(manual, sampling=spacing)
    chosen = np.zeros(FINE, bool)
    index = voxels["i"].to_numpy(), voxels["j"].to_numpy(), voxels["k"].to_numpy()
    chosen[index] = True
    assert chosen[(outside <= 5) | resunet].all()
    assert not (chosen & (outside > 5) & ~resunet)[~read_ftv(voxels, chosen)].any()
    assert (voxels["in_stv_manual"].to_numpy() == manual[index]).all()
    assert (voxels["in_stv_resunet"].to_numpy() == resunet[index]).all()
    assert (voxels["n_masks"] == voxels.select(pl.sum_horizontal("^in_.*$")).to_series()).all()
    signed = np.where(manual, -inside, outside)[index]
    assert voxels["distance_mm"].to_numpy() == pytest.approx(signed)


def read_ftv(voxels: pl.DataFrame, like: Any) -> Any:  # noqa: ANN401  arrays
    """Return where the carried FTV is, as the table has it; kinetics counts the same below."""
    bits = np.zeros_like(like)
    inside = voxels.filter(pl.col("in_ftv"))
    bits[inside["i"].to_numpy(), inside["j"].to_numpy(), inside["k"].to_numpy()] = True
    return bits


def test_the_carried_mask_has_the_voxels_of_kinetics(built: Path) -> None:
    of_kinetics = {
        (r["case_id"], r["mask"]): r["n_voxels"]
        for r in rows(built, "kinetics")
        if r["image_set"] == "zscored"
    }
    for case in CASES:
        voxels = read_voxels(built, case)
        for mask in ("ftv", "stv_manual", "stv_resunet"):
            assert voxels[f"in_{mask}"].sum() == of_kinetics[case, mask]


def test_intensities_are_those_of_nibabel(built: Path) -> None:
    voxels = read_voxels(built)
    index = voxels["i"].to_numpy(), voxels["j"].to_numpy(), voxels["k"].to_numpy()
    for phase in range(3):
        image = read_release(built, IMAGES.format(phase))
        assert (voxels[f"z{phase}"].to_numpy() == image[index].astype(np.float32)).all()


def test_a_row_per_file_says_where_it_is_from(built: Path) -> None:
    listed: list[Row] = rows(built, "voxel_files")
    assert [row["case_id"] for row in listed] == [CASE, OTHER]
    for row in listed:
        assert row["n_voxels"] == read_voxels(built, row["case_id"]).height
        assert (row["size_x"], row["size_y"], row["size_z"]) == FINE
        assert row["affine"] == FINE_AFFINE.ravel().tolist()
        assert (len(row["image_blob_md5s"]), len(row["mask_blob_md5s"])) == (3, 3)


def test_files_are_sorted_by_their_key_and_have_the_declared_columns(built: Path) -> None:
    voxels = read_voxels(built)
    keys = list(voxels.select("i", "j", "k").iter_rows())
    assert keys == sorted(set(keys))
    assert ["case_id", *voxels.columns] == list(declared()["voxels"].names)


def test_other_programs_read_the_folder_as_one_table(built: Path) -> None:
    folder = built / "data/tables/voxels"
    n_rows = sum(read_voxels(built, case).height for case in CASES)
    by_polars = pl.scan_parquet(folder, hive_partitioning=True)
    assert by_polars.select(pl.len()).collect().item() == n_rows
    of_case = by_polars.filter(pl.col("case_id") == OTHER).collect()
    assert of_case.height == read_voxels(built, OTHER).height
    by_pandas = pd.read_parquet(folder, filters=[("case_id", "==", OTHER)])
    assert len(by_pandas) == of_case.height


def test_an_own_mask_set_is_a_column(rebuilt: Path) -> None:
    write_nifti(rebuilt / "data/release" / OWN, mask_voxels(3, "stv_manual"))
    rebuild(rebuilt, "voxel_files")
    own = int((mask_voxels(3, "stv_manual") > 0).sum())
    assert read_voxels(rebuilt)["in_mine"].sum() == own
    assert read_voxels(rebuilt, OTHER)["in_mine"].null_count() == read_voxels(rebuilt, OTHER).height
    with etl.connect(rebuilt) as db:
        (comment,) = db.execute(
            "select comment from duckdb_columns() "
            "where table_name = 'voxels' and column_name = 'in_mine'"
        ).fetchall()
    assert comment[0].startswith("Whether the voxel lies in mask mine")


def test_what_is_missing_is_null(rebuilt: Path) -> None:
    release = rebuilt / "data/release"
    (release / IMAGES.format(1)).unlink()
    (release / MANUAL).write_bytes(b"no image")
    rebuild(rebuilt, "voxel_files")
    voxels = read_voxels(rebuilt)
    for column in ("z1", "in_stv_manual", "distance_mm"):
        assert voxels[column].null_count() == voxels.height
    assert voxels["z0"].null_count() == voxels["in_ftv"].null_count() == 0
    assert [(severity, path) for _, severity, path in told(rebuilt)] == [("warning", MANUAL)]


def test_a_voxel_that_is_not_finite_is_null(rebuilt: Path) -> None:
    image = read_release(rebuilt, IMAGES.format(2)).astype(np.float32)
    image[9, 7, 7] = np.nan
    write_nifti(rebuilt / "data/release" / IMAGES.format(2), image, forms="q")
    rebuild(rebuilt, "voxel_files")
    odd = read_voxels(rebuilt).filter(pl.col("z2").is_null())
    assert odd.select("i", "j", "k").rows() == [(9, 7, 7)]


def test_without_images_the_grid_is_that_of_the_experts_mask(rebuilt: Path) -> None:
    shutil.rmtree((rebuilt / "data/release" / IMAGES.format(0)).parent)
    before = read_voxels(rebuilt).drop("z0", "z1", "z2")
    rebuild(rebuilt, "voxel_files")
    assert read_voxels(rebuilt).drop("z0", "z1", "z2").equals(before)


@pytest.mark.parametrize("margin", [0, None])
def test_without_a_margin_only_voxels_of_masks_are_rows(rebuilt: Path, margin: Any) -> None:  # noqa: ANN401
    set_params(rebuilt / "params.yaml", {MARGIN: margin})
    params.cache_clear()
    rebuild(rebuilt, "voxel_files")
    voxels = read_voxels(rebuilt)
    assert voxels.select(pl.any_horizontal(pl.col("^in_.*$"))).to_series().all()


def test_the_table_can_be_switched_off(rebuilt: Path) -> None:
    set_params(rebuilt / "params.yaml", {MARGIN: False})
    params.cache_clear()
    build_table(rebuilt, "voxel_files", workers=1)  # without a new index, as `ispy1 tables` does
    assert not (rebuilt / "data/tables/voxels").exists()
    with etl.connect(rebuilt) as db:
        assert db.execute("select count(*) from voxel_enhancement").fetchall() == [(0,)]
        assert [c[0] for c in db.execute("from voxels").description or ()] == list(
            describe_part(("ftv", "stv_manual", "stv_resunet")).names
        )


@pytest.mark.parametrize("margin", [-1, 51, "wide", True])
def test_a_margin_that_is_none_is_refused(rebuilt: Path, margin: Any) -> None:  # noqa: ANN401
    set_params(rebuilt / "params.yaml", {MARGIN: margin})
    params.cache_clear()
    with pytest.raises(UserError, match=r"voxels\.margin_mm is .* from 0 to 50"):
        rebuild(rebuilt, "voxel_files")


@pytest.mark.parametrize(
    ("limit", "check", "n_cases"),
    [("limits.region_voxels", "above_limit:limits.region_voxels", 0),
     ("limits.surface_voxels", "above_limit:limits.surface_voxels", 2)],
)  # fmt: skip
def test_noise_is_given_up_with_a_finding(
    rebuilt: Path, limit: str, check: str, n_cases: int
) -> None:
    set_params(rebuilt / "params.yaml", {limit: 20})
    params.cache_clear()
    rebuild(rebuilt, "voxel_files")
    assert len(rows(rebuilt, "voxel_files")) == n_cases
    assert {(c, path) for c, _, path in told(rebuilt)} >= {(check, MANUAL)}
    if n_cases:
        voxels = read_voxels(rebuilt)
        assert voxels["distance_mm"].null_count() == voxels.height
