"""Recomputed features: what is made of what, what is missing, and who says so."""

from __future__ import annotations

import math
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from support import (
    CASES,
    FINE,
    FINE_AFFINE,
    ROOT,
    Array,
    Row,
    build_table,
    findings,
    mask_voxels,
    rows,
    write_nifti,
    zscored_image,
)

from etl.build.index import read_index, write_indexes
from etl.build.run import Built
from etl.measure.ibsi_names import FAMILIES, NEEDS_IMAGE, list_names, needs_image
from etl.model import project as etl_project
from etl.model.errors import UserError
from etl.model.profile import load_profile
from etl.model.store import table_path
from etl.tables.recompute_inputs import check_bins, check_inputs, parse_inputs

A, B = CASES
MANUAL, RESUNET, FTV = (f"masks_{name}/{A}.nii.gz" for name in ("stv_manual", "stv_resunet", "ftv"))
Z = "images_bias-corrected_resampled_zscored_nifti"
IMAGE = f"{Z}/{A}/{A}_DCE_0001_N3_zscored.nii.gz"
N3 = f"images_bias-corrected_nifti/{A}/{A}_DCE_0001_N3.nii.gz"
NAME = "recomputed_features"
SHAPE = {name for name in list_names("morphology") if name not in NEEDS_IMAGE}
Entry = dict[str, Any]


def entry(
    mask: str, families: object = "all", *, image_set: str = "zscored", phase: int = 1
) -> Entry:
    return {"image_set": image_set, "phase": phase, "mask": mask, "families": families}


def with_inputs(root: Path, *inputs: Entry, bins: int = 128) -> None:
    path = root / "params.yaml"
    params = yaml.safe_load(path.read_text())
    params["recompute"] = {"bins": bins, "inputs": list(inputs)}
    path.write_text(yaml.safe_dump(params))
    etl_project.params.cache_clear()


def built(root: Path, *, workers: int = 1) -> Built:
    write_indexes(root)
    return build_table(root, NAME, workers)


def values(root: Path, case: str, mask: str, phase: int = 1) -> dict[str, float | None]:
    return {
        row["feature"]: row["value"]
        for row in rows(root, NAME)
        if (row["case_id"], row["mask"], row["phase"]) == (case, mask, phase)
    }


def told(root: Path) -> list[Row]:
    found: list[Row] = findings(root, table=NAME)
    return found


def known(found: dict[str, float | None]) -> set[str]:
    return {name for name, value in found.items() if value is not None}


# --- what is made ------------------------------------------------------------------------------


def test_every_input_of_params(project: Path, release: Path) -> None:
    """Three inputs a case: all families of two masks, the shape of the third; all are known."""
    del release
    made = built(project)
    assert (made.rows, made.units, made.findings) == (2 * (128 + 128 + 25), 2, 0)
    everything = {name for family in FAMILIES for name in list_names(family)}
    for case in CASES:
        assert known(values(project, case, "stv_manual")) == everything
        assert known(values(project, case, "stv_resunet")) == everything
        assert known(values(project, case, "ftv")) == set(list_names("morphology"))
    sets = {(row["mask"], row["image_set"], row["phase"]) for row in rows(project, NAME)}
    assert sets == {("stv_manual", "zscored", 1), ("stv_resunet", "zscored", 1), ("ftv", "n3", 1)}


def test_values_are_of_that_image_inside_that_mask(project: Path, release: Path) -> None:
    del release
    built(project)
    found = values(project, A, "stv_manual")
    inside = zscored_image(9001, 1)[mask_voxels(9001, "stv_manual") != 0].astype(float)
    assert found["stat_mean"] == pytest.approx(inside.mean())
    assert found["stat_p90"] == pytest.approx(np.percentile(inside, 90))
    assert found["morph_vol_approx"] == inside.size
    assert (found["ih_min"], found["ih_max"]) == (1, 128)
    native = values(project, A, "ftv")
    assert native["morph_vol_approx"] == (mask_voxels(9001, "ftv") != 0).sum() * 1.5 * 1.5 * 2


def test_the_shape_is_that_of_the_table_masks(project: Path, release: Path) -> None:
    del release
    built(project)
    for name in ("images", "masks"):
        build_table(project, name, 1)
    columns = {
        "morph_volume": "mesh_volume_mm3",
        "morph_area_mesh": "surface_area_mm2",
        "morph_sphericity": "sphericity",
        "morph_diam": "max_diameter_mm",
        "morph_vol_approx": "volume_cm3",
    }
    for mask in rows(project, "masks"):
        found = values(project, mask["case_id"], mask["mask"])
        for feature, column in columns.items():
            wanted = mask[column] * (1000 if column == "volume_cm3" else 1)
            assert found[feature] == pytest.approx(wanted, rel=1e-6), (mask["mask"], feature)


def test_each_row_says_what_it_is_made_from(project: Path, release: Path) -> None:
    del release
    built(project)
    index = read_index(project, NAME, load_profile(project))
    md5s = {blob.path: blob.md5 for blob in index.blobs}
    ours = [row for row in rows(project, NAME) if row["case_id"] == A]
    assert len({row["inputs_md5"] for row in ours}) == 1
    for row in ours:
        of_mask = {"stv_manual": MANUAL, "stv_resunet": RESUNET, "ftv": FTV}[row["mask"]]
        of_image = md5s[N3 if row["mask"] == "ftv" else IMAGE]
        assert row["mask_blob_md5"] == md5s[of_mask]
        assert row["image_blob_md5"] == (of_image if needs_image(row["feature"]) else None)


def test_only_what_params_names_is_read(project: Path, release: Path) -> None:
    del release
    write_indexes(project)
    index = read_index(project, NAME, load_profile(project))
    assert {blob.path for blob in index.blobs if A in blob.path} == {
        MANUAL,
        RESUNET,
        FTV,
        IMAGE,
        N3,
    }
    before = index.recipe
    with_inputs(project, entry("stv_manual", phase=0))
    write_indexes(project)
    index = read_index(project, NAME, load_profile(project))
    assert {blob.path for blob in index.blobs if A in blob.path} == {
        MANUAL,
        IMAGE.replace("0001", "0000"),
    }
    assert index.recipe != before


def test_further_phases_families_and_a_mask_set_of_ones_own(project: Path, release: Path) -> None:
    write_nifti(release / f"masks_mine/{B}.nii.gz", mask_voxels(1, "stv_manual"), FINE_AFFINE)
    phases = [entry("mine", ["ngtdm", "morphology"], phase=phase) for phase in (0, 1, 2)]
    with_inputs(project, *phases)
    assert built(project).findings == 0
    assert {row["case_id"] for row in rows(project, NAME)} == {B}
    one, two = (values(project, B, "mine", phase) for phase in (0, 2))
    assert list(one) == sorted([*list_names("morphology"), *list_names("ngtdm")])
    assert {name for name in one if one[name] == two[name]} == SHAPE


def test_the_number_of_bins_is_a_parameter(project: Path, release: Path) -> None:
    del release
    with_inputs(project, entry("stv_manual", ["intensity_histogram"]), bins=16)
    built(project)
    assert values(project, A, "stv_manual")["ih_max"] == 16


def test_a_case_that_did_not_change_is_not_measured_again(project: Path, release: Path) -> None:
    assert built(project).measured == 2
    before = table_path(project / "data/tables", NAME).read_bytes()
    assert built(project).measured == 0
    assert table_path(project / "data/tables", NAME).read_bytes() == before
    write_nifti(release / MANUAL, mask_voxels(9001, "stv_resunet"), forms="q")
    assert built(project).measured == 1


def test_same_bytes_for_any_number_of_workers(project: Path, release: Path) -> None:
    for number in range(9003, 9006):  # enough for a pool
        for path in (MANUAL, IMAGE):
            copy = release / path.replace("9001", str(number))
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(release / path, copy)
    with_inputs(project, entry("stv_manual", ["morphology", "glcm"]))
    built(project)
    one = table_path(project / "data/tables", NAME).read_bytes()
    shutil.rmtree(project / "data/tables")
    shutil.rmtree(project / ".dvc/tmp")
    assert built(project, workers=2).measured == 5
    assert table_path(project / "data/tables", NAME).read_bytes() == one


# --- what is missing ---------------------------------------------------------------------------


def test_without_its_image_the_shape_of_a_mask_stays(project: Path, release: Path) -> None:
    (release / IMAGE).unlink()
    built(project)
    for mask in ("stv_manual", "stv_resunet"):
        assert known(values(project, A, mask)) == SHAPE
        assert len(values(project, A, mask)) == 128
    assert known(values(project, B, "stv_manual")) > SHAPE
    assert known(values(project, A, "ftv")) > SHAPE
    (finding,) = told(project)
    assert (finding["check"], finding["severity"]) == ("image_missing", "warning")
    assert (finding["case_id"], finding["path"]) == (A, IMAGE)
    assert "only the shape of stv_manual, stv_resunet" in finding["observed"]
    ours = [
        row for row in rows(project, NAME) if (row["case_id"], row["mask"]) == (A, "stv_manual")
    ]
    assert {row["image_blob_md5"] for row in ours} == {None}


def test_an_image_that_cannot_be_read_is_as_good_as_none(project: Path, release: Path) -> None:
    path = release / IMAGE
    path.write_bytes(path.read_bytes()[:-30])
    built(project)
    assert known(values(project, A, "stv_manual")) == SHAPE
    (finding,) = told(project)
    assert (finding["check"], finding["path"]) == ("gzip_truncated", IMAGE)
    assert finding["severity"] == "warning"


@pytest.mark.parametrize("broken", [True, False])
def test_without_a_mask_there_are_no_rows_of_it(
    project: Path,
    release: Path,
    broken: bool,  # noqa: FBT001
) -> None:
    path = release / MANUAL
    path.write_bytes(b"no mask") if broken else path.unlink()
    built(project)
    assert values(project, A, "stv_manual") == {}
    assert len(known(values(project, A, "stv_resunet"))) == 128
    (finding,) = told(project)
    assert finding["check"] == ("not_nifti" if broken else "mask_missing")
    assert (finding["path"], finding["severity"]) == (MANUAL, "warning")


def test_an_empty_release_is_an_empty_table(project: Path) -> None:
    made = built(project)
    assert (made.rows, made.findings) == (0, 0)


def test_a_mask_set_that_no_case_has(project: Path, release: Path) -> None:
    del release
    with_inputs(project, entry("stv_manul"), entry("stv_manual", ["morphology"]))
    built(project)
    (finding,) = told(project)
    assert (finding["check"], finding["path"]) == ("mask_set_unknown", "masks_stv_manul")
    assert finding["severity"] == "critical"
    assert len(rows(project, NAME)) == 50


# --- what has no value -------------------------------------------------------------------------


def with_mask(project: Path, voxels: Array, affine: Array = FINE_AFFINE) -> Row:
    """Build with this as the expert's mask of one case; give the finding about it."""
    write_nifti(project / "data/release" / MANUAL, voxels.astype(np.float32), affine, forms="q")
    built(project)
    assert len(known(values(project, B, "stv_manual"))) == 128
    assert len(known(values(project, A, "stv_resunet"))) == 128
    (finding,) = told(project)
    assert (finding["case_id"], finding["path"], finding["severity"]) == (A, MANUAL, "warning")
    assert finding["check"] == "features_undefined"
    return finding


def test_a_mask_of_one_voxel_costs_its_features(project: Path, release: Path) -> None:
    del release
    voxels = np.zeros(FINE)
    voxels[9, 7, 8] = 1
    finding = with_mask(project, voxels)
    found = values(project, A, "stv_manual")
    assert len(found) == 128
    assert found["stat_mean"] == pytest.approx(float(zscored_image(9001, 1)[9, 7, 8]))
    assert found["szm_zsnu_3D"] == 1
    for family in ("morphology", "intensity_histogram", "glcm", "ngtdm"):
        assert f"zscored 1: {family} (" in finding["observed"]
        assert known(found).isdisjoint(list_names(family))


def test_an_empty_mask_has_no_features(project: Path, release: Path) -> None:
    del release
    finding = with_mask(project, np.zeros(FINE))
    assert finding["observed"] == "zscored 1: the mask is empty"
    assert known(values(project, A, "stv_manual")) == set()


def test_a_mask_on_another_grid_keeps_its_shape(project: Path, release: Path) -> None:
    del release
    affine = FINE_AFFINE.copy()
    affine[0, 3] += 5
    finding = with_mask(project, mask_voxels(1, "stv_manual"), affine)
    assert finding["observed"] == "zscored 1: the mask lies on another grid than the image"
    assert known(values(project, A, "stv_manual")) == SHAPE


def test_voxels_that_are_not_finite_are_refused(project: Path, release: Path) -> None:
    voxels = zscored_image(9001, 1)
    voxels[9, 7, 8] = math.nan
    write_nifti(release / IMAGE, voxels, forms="q")
    built(project)
    assert known(values(project, A, "stv_manual")) == SHAPE
    for finding, path in zip(told(project), (MANUAL, RESUNET), strict=True):
        assert finding["observed"] == (
            "zscored 1: 1 voxels of the image in the mask's box are not finite"
        )
        assert finding["path"] == path


def test_an_image_of_one_intensity(project: Path, release: Path) -> None:
    write_nifti(release / IMAGE, np.full(FINE, 2.5, np.float32), forms="q")
    built(project)
    found = values(project, A, "stv_manual")
    assert known(found).isdisjoint(list_names("glcm"))
    assert {"morph_moran_i", "morph_geary_c"} == set(list_names("morphology")) - known(found)
    observed = told(project)[0]["observed"]
    assert "zscored 1: morph_moran_i, morph_geary_c (no finite number)" in observed
    assert "glcm (Sigma_i in correlation is zero.)" in observed


def test_scaling_of_the_header_is_applied(project: Path, release: Path) -> None:
    built(project)
    plain = values(project, A, "stv_manual")["stat_mean"]
    assert plain is not None
    write_nifti(release / IMAGE, zscored_image(9001, 1), forms="q", scl_slope=2, scl_inter=3)
    built(project)
    assert values(project, A, "stv_manual")["stat_mean"] == pytest.approx(2 * plain + 3)


# --- params.yaml -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("listed", "words"),
    [
        ("stv_manual", "Input should be a valid list"),
        ([{"image_set": "zscored"}], "0.phase: Field required"),
        ([entry("ftv") | {"colour": 1}], "0.colour: Extra inputs"),
        ([entry("ftv") | {"phase": "one"}], "0.phase: Input should be a valid integer"),
        ([entry("")], "0.mask: String should have at least 1"),
        ([entry("ftv", ["morphology", "lbp"])], "lbp is no family"),
        ([entry("ftv", "everything")], "everything is no family"),
        ([entry("ftv", [])], "none is no family"),
        ([entry("ftv"), entry("ftv", ["glcm"])], "zscored phase 1 with ftv is listed twice"),
        ([entry("ftv", image_set="flair")], "flair is no image set; there are n3, zscored"),
        ([entry("ftv", phase=3)], "3 is no phase; there are 0, 1, 2"),
        ([entry("ftv", image_set="n3")], "only the shape can be compared"),
        ([entry("ftv")], "ftv lies on the native grid, zscored images on the 1mm grid"),
        ([entry("ftv", ["morphology", "glcm"], image_set="n3")], "families: \\[morphology\\]"),
    ],
)
def test_inputs_that_cannot_be(listed: object, words: str) -> None:
    with pytest.raises(UserError, match=words) as caught:
        check_inputs(parse_inputs(listed), load_profile(ROOT, "phantom"))
    assert str(caught.value).startswith("params.yaml: recompute.inputs: ")
    assert "Give a list of {image_set" in str(caught.value)


@pytest.mark.parametrize("bins", [1, 0, -3, 2.5, "128", True, None, 4096])
def test_bins_that_cannot_be(bins: object) -> None:
    with pytest.raises(UserError, match="Give a whole number from 2 to 1024"):
        check_bins(bins)


def test_a_wrong_entry_ends_the_index_with_a_sentence(project: Path, release: Path) -> None:
    del release
    with_inputs(project, entry("stv_manual", ["lbp"]))
    with pytest.raises(UserError, match="lbp is no family"):
        write_indexes(project)


def test_families_come_in_their_own_order() -> None:
    (found,) = parse_inputs([entry("ftv", ["ngtdm", "morphology", "ngtdm"])])
    assert found.families == ("morphology", "ngtdm")
    assert (found.image_role, found.mask_role) == ("image_zscored_1", "mask_ftv")
    assert parse_inputs([{"image_set": "n3", "phase": 0, "mask": "x"}])[0].families == FAMILIES


# --- the publisher's mask ----------------------------------------------------------------------


def test_the_real_mask(project: Path, real: Path) -> None:
    """By two other libraries; what is missing is named."""
    path = project / "params.yaml"
    path.write_text(path.read_text().replace("profile: phantom", "profile: ispy1_tcia"))
    etl_project.params.cache_clear()
    target = project / "data/release/masks_stv_manual/ISPY1_1002.nii.gz"
    target.parent.mkdir()
    shutil.copy(real / "NIfTI-Files/masks_stv_manual/ISPY1_1002.nii.gz", target)
    built(project)
    found = values(project, "ISPY1_1002", "stv_manual")
    assert found["morph_volume"] == pytest.approx(5062.21, abs=0.005)
    assert found["morph_area_mesh"] == pytest.approx(1895.20, abs=0.005)
    assert found["morph_sphericity"] == pytest.approx(0.7523, abs=0.00005)
    assert found["morph_diam"] == pytest.approx(37.054, abs=0.0005)
    assert found["morph_vol_approx"] == pytest.approx(5091)
    assert known(found) == SHAPE
    missing = {(f["check"], f["path"]) for f in told(project)}
    assert missing == {
        ("image_missing", f"{Z}/ISPY1_1002/ISPY1_1002_DCE_0001_N3_zscored.nii.gz"),
        ("mask_missing", "masks_stv_resunet/ISPY1_1002.nii.gz"),
        ("mask_missing", "masks_ftv/ISPY1_1002.nii.gz"),
    }


def test_the_engine_is_imported_by_those_who_measure_alone() -> None:
    """It takes a second: neither the index nor a command that asks pays it."""
    code = (
        "import sys, etl.cli; from etl.build.index import import_table; "
        "import_table('recomputed_features'); "
        "sys.exit('zrad' in sys.modules or 'SimpleITK' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
