"""The table captk_features: which inputs, which blobs, and what is missing."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from measure.by_hand import carry_by_hand
from rebuild import rebuild
from support import (
    FINE,
    FINE_AFFINE,
    NATIVE_AFFINE,
    ROOT,
    Row,
    by_nibabel,
    findings,
    mask_voxels,
    md5,
    rows,
    write_nifti,
    zscored_image,
)

from etl.build.plan import add_needs
from etl.model.params_file import set_params
from etl.model.profile import load_profile
from etl.model.release import list_blobs_of_case, name_role
from etl.tables import captk_features as module

CASE = "ISPY1_9001"
MASK = f"masks_stv_manual/{CASE}.nii.gz"
FTV = f"masks_ftv/{CASE}.nii.gz"
N3 = f"images_bias-corrected_nifti/{CASE}/{CASE}_DCE_0001_N3.nii.gz"
ZSCORED = f"images_bias-corrected_resampled_zscored_nifti/{CASE}/{CASE}_DCE_0001_N3_zscored.nii.gz"
OF_MASK = ("Volumetric", "Morphologic")
MEAN, PIXELS = "T1_E_Intensity_Mean", "T1_E_Volumetric_Pixels"
SIZE = "T1_E_Morphologic_LargestComponentSize"


def remade(root: Path) -> dict[tuple[str, str], Row]:
    """The rows of CASE by image set and feature, from what lies in the release now."""
    rebuild(root, "captk_features")
    return by_feature(root)


def by_feature(root: Path) -> dict[tuple[str, str], Row]:
    return {
        (row["image_set"], row["feature"]): row
        for row in rows(root, "captk_features")
        if row["case_id"] == CASE
    }


def told(root: Path) -> list[tuple[str, str, str | None]]:
    return sorted(
        (row["severity"], row["check"], row["path"])
        for row in findings(root)
        if row["table"] == "captk_features" and row["case_id"] == CASE
    )


def families(found: dict[tuple[str, str], Row], image_set: str) -> set[str]:
    return {feature.split("_")[2] for name, feature in found if name == image_set}


def test_every_definition_on_both_inputs(built: Path) -> None:
    found = rows(built, "captk_features")
    counts = Counter((row["case_id"], row["image_set"]) for row in found)
    assert set(counts.values()) == {323}  # 370 without 47 that are not comparable
    assert len(counts) == 4
    assert {(row["phase"], row["mask"]) for row in found} == {(1, "stv_manual")}


def test_a_row_names_the_blobs_behind_it(built: Path) -> None:
    found, release = by_feature(built), built / "data/release"
    for image_set, image in (("n3", N3), ("zscored", ZSCORED)):
        mean, pixels = found[image_set, MEAN], found[image_set, PIXELS]
        assert mean["mask_blob_md5"] == pixels["mask_blob_md5"] == md5(release / MASK)
        assert mean["image_blob_md5"] == mean["grid_blob_md5"] == md5(release / image)
        assert (pixels["image_blob_md5"], pixels["grid_role"]) == (None, f"image_{image_set}_1")


def test_values_are_those_of_the_voxels(built: Path) -> None:
    """Against nibabel and numpy: on 1 mm as it is, on the native grid by world coordinates."""
    release, found = built / "data/release", by_feature(built)
    mask, image = by_nibabel(release / MASK), by_nibabel(release / ZSCORED)
    bits = np.asarray(mask.dataobj) != 0
    assert found["zscored", PIXELS]["value"] == bits.sum()
    inside = np.asarray(image.dataobj, dtype=float)[bits]
    assert found["zscored", MEAN]["value"] == pytest.approx(inside.mean())
    native = by_nibabel(release / N3)
    carried = carry_by_hand(bits, mask.affine, native.affine, native.shape)
    values = np.asarray(native.dataobj, dtype=float)[carried]
    assert found["n3", PIXELS]["value"] == len(values)
    assert found["n3", MEAN]["value"] == pytest.approx(values.mean())
    assert found["n3", "T1_E_Volumetric_Volume"]["value"] == pytest.approx(len(values) * 4.5)


def test_a_complete_case_has_no_finding(built: Path) -> None:
    assert told(built) == []


def test_without_an_image_the_mask_is_measured_and_the_finding_names_it(rebuilt: Path) -> None:
    (rebuilt / "data/release" / ZSCORED).unlink()
    found = remade(rebuilt)
    assert families(found, "zscored") == set(OF_MASK)
    assert families(found, "n3") == {*OF_MASK, "Intensity", "Histogram", "GLCM"}
    assert found["zscored", PIXELS]["grid_role"] == "mask_stv_manual"
    assert told(rebuilt) == [("info", "input_missing", ZSCORED)]


def test_without_the_n3_image_the_functional_mask_shows_its_grid(rebuilt: Path) -> None:
    before = by_feature(rebuilt)
    (rebuilt / "data/release" / N3).unlink()
    found = remade(rebuilt)
    assert families(found, "n3") == set(OF_MASK)
    for feature in (PIXELS, SIZE):
        assert found["n3", feature]["value"] == before["n3", feature]["value"]
        assert found["n3", feature]["grid_blob_md5"] == md5(rebuilt / "data/release" / FTV)
    assert told(rebuilt) == [("info", "input_missing", N3)]
    (rebuilt / "data/release" / FTV).unlink()
    assert families(remade(rebuilt), "n3") == set()
    assert told(rebuilt) == [("info", "input_missing", N3), ("info", "input_missing", FTV)]


def test_without_the_mask_there_is_nothing(rebuilt: Path) -> None:
    (rebuilt / "data/release" / MASK).unlink()
    assert remade(rebuilt) == {}
    assert told(rebuilt) == [("info", "input_missing", MASK)]


def test_a_damaged_image_is_a_warning_here(rebuilt: Path) -> None:
    path = rebuilt / "data/release" / N3
    path.write_bytes(b"not an image")
    found = remade(rebuilt)
    assert families(found, "n3") == set(OF_MASK)
    assert found["n3", PIXELS]["grid_role"] == "mask_ftv"
    assert told(rebuilt) == [("warning", "not_nifti", N3)]


def test_voxels_that_are_no_numbers_are_refused(rebuilt: Path) -> None:
    image = zscored_image(9001, 1)
    image[9, 7, 8] = np.nan
    write_nifti(rebuilt / "data/release" / ZSCORED, image, forms="q", scl_slope=1, scl_inter=0)
    assert families(remade(rebuilt), "zscored") == set(OF_MASK)
    assert told(rebuilt) == [("warning", "nonfinite_in_region", ZSCORED)]
    image[9, 7, 8], image[0, 0, 0] = 1, np.nan  # outside the mask it does not matter
    write_nifti(rebuilt / "data/release" / ZSCORED, image, forms="q", scl_slope=1, scl_inter=0)
    assert "GLCM" in families(remade(rebuilt), "zscored")
    assert told(rebuilt) == []


def test_the_scaling_of_an_image_applies(rebuilt: Path) -> None:
    before = by_feature(rebuilt)["zscored", MEAN]["value"]
    write_nifti(
        rebuilt / "data/release" / ZSCORED, zscored_image(9001, 1), forms="q",
        scl_slope=2, scl_inter=10,
    )  # fmt: skip
    assert remade(rebuilt)["zscored", MEAN]["value"] == pytest.approx(2 * before + 10)


def test_an_empty_mask_has_no_feature(rebuilt: Path) -> None:
    write_nifti(rebuilt / "data/release" / MASK, np.zeros(FINE, np.float32), forms="q")
    assert remade(rebuilt) == {}
    assert [(severity, check.split(":")[0], where) for severity, check, where in told(rebuilt)] == [
        ("warning", "mask_empty_on_grid", MASK)
    ] * 2


def test_a_mask_off_the_grid_is_carried_by_world_coordinates(rebuilt: Path) -> None:
    """Two voxels cut off in front, the origin moved as far: the same places."""
    before = by_feature(rebuilt)
    affine = FINE_AFFINE.copy()
    affine[:3, 3] += FINE_AFFINE[:3, 0] * 2
    voxels = mask_voxels(9001, "stv_manual")[2:]
    write_nifti(rebuilt / "data/release" / MASK, voxels, affine, forms="q")
    after = remade(rebuilt)
    assert {key: row["value"] for key, row in after.items()} == {
        key: row["value"] for key, row in before.items()
    }


def test_the_native_grid_may_be_oblique(rebuilt: Path) -> None:
    """Where the N3 image is turned by a few degrees, the mask still covers about its volume."""
    turn = np.eye(4)
    angle = np.deg2rad(7)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    centre = NATIVE_AFFINE @ [6, 5, 4, 1]
    turn[:3, 3] = centre[:3] - turn[:3, :3] @ centre[:3]
    image = by_nibabel(rebuilt / "data/release" / N3)
    voxels = np.asarray(image.dataobj.get_unscaled())
    write_nifti(rebuilt / "data/release" / N3, voxels, turn @ NATIVE_AFFINE, scl_slope=0)
    found = remade(rebuilt)
    volume = found["zscored", "T1_E_Volumetric_Volume"]["value"]
    assert found["n3", "T1_E_Volumetric_Volume"]["value"] == pytest.approx(volume, rel=0.15)


def test_blobs_that_it_does_not_read_are_not_in_its_units() -> None:
    profile = load_profile(ROOT, "phantom")
    names = list_blobs_of_case(CASE, profile)
    assert {name_role(name) for name in names if module.wants(name, {}, profile)} == {
        "mask_stv_manual", "image_n3_1", "image_zscored_1", "mask_ftv"
    }  # fmt: skip


def test_the_real_mask_alone(project: Path, real: Path) -> None:
    """Volume and shape of the publisher's mask; findings name the images that are missing."""
    set_params(project / "params.yaml", {"profile": "ispy1_tcia"})
    target = project / "data/release/masks_stv_manual/ISPY1_1002.nii.gz"
    target.parent.mkdir()
    shutil.copy(real / "NIfTI-Files/masks_stv_manual/ISPY1_1002.nii.gz", target)
    rebuild(project, *add_needs(["feature_audit"]))
    found = {row["feature"]: row for row in rows(project, "captk_features")}
    assert len(found) == 15
    assert found[PIXELS]["value"] == 5091
    assert 2546 < found[SIZE]["value"] < 5091  # two components
    assert found["T1_E_Morphologic_PhysicalSize"]["value"] == found[SIZE]["value"]
    named = {row["path"] for row in findings(project, "input_missing")}
    assert len(named) == 3
    assert any("_zscored.nii.gz" in path for path in named)
    assert rows(project, "feature_audit") == []  # no workbook, no published feature
