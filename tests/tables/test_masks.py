"""The table `masks`."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from rebuild import rebuild
from support import (
    CASES,
    FINE,
    FINE_AFFINE,
    NATIVE_AFFINE,
    Array,
    Row,
    findings,
    mask_voxels,
    psr,
    rows,
    write_nifti,
)

from etl.model.params_file import set_params
from etl.model.project import params

MANUAL = "masks_stv_manual/ISPY1_9001.nii.gz"


def mask(root: Path, case: str, name: str) -> Row:
    (row,) = [r for r in rows(root, "masks") if (r["case_id"], r["mask"]) == (case, name)]
    return row


def rebuilt_masks(root: Path) -> None:
    rebuild(root, "images", "masks")


def with_mask(root: Path, voxels: Array, affine: Array = FINE_AFFINE, **header: object) -> Row:
    write_nifti(root / "data/release" / MANUAL, voxels, affine, **header)
    rebuilt_masks(root)
    return mask(root, "ISPY1_9001", "stv_manual")


def mask_findings(root: Path) -> list[Row]:
    found: list[Row] = findings(root, table="masks")
    return found


def test_one_row_a_mask(built: Path) -> None:
    keys = [(r["case_id"], r["mask"]) for r in rows(built, "masks")]
    assert keys == [(c, m) for c in CASES for m in ("ftv", "stv_manual", "stv_resunet")]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", ["ftv", "stv_manual", "stv_resunet"])
def test_facts_against_numpy(built: Path, case: str, name: str) -> None:
    row = mask(built, case, name)
    voxels = mask_voxels(int(case[-4:]), name)
    where = np.argwhere(voxels)
    affine, voxel_mm3 = (NATIVE_AFFINE, 4.5) if name == "ftv" else (FINE_AFFINE, 1.0)
    assert row["voxel_count"] == len(where)
    assert row["volume_cm3"] == pytest.approx(len(where) * voxel_mm3 / 1000)
    assert [row[f"bbox_min_{a}"] for a in "xyz"] == where.min(axis=0).tolist()
    assert [row[f"bbox_max_{a}"] for a in "xyz"] == where.max(axis=0).tolist()
    centroid = (affine @ np.append(where.mean(axis=0), 1))[:3]
    assert [row[f"centroid_{a}_mm"] for a in "ras"] == pytest.approx(centroid.tolist())
    assert row["stored_values"] == ([0.0, 255.0] if name == "ftv" else [0.0, 1.0])
    assert row["n_components"] == (2 if name == "stv_resunet" else 1)
    assert row["n_nonfinite"] == 0
    assert row["matches_image_grid"] is True
    shell = np.ones(voxels.shape, bool)
    shell[1:-1, 1:-1, 1:-1] = False
    assert row["touches_border"] == bool(voxels[shell].any())


def test_satellite(built: Path) -> None:
    row = mask(built, "ISPY1_9001", "stv_resunet")
    assert row["largest_component_voxel_count"] == row["voxel_count"] - 1
    assert row["largest_component_fraction"] == 1 - 1 / row["voxel_count"]
    assert row["largest_component_max_diameter_mm"] < row["max_diameter_mm"]


def test_empty_mask(project: Path, release: Path) -> None:
    del release
    row = with_mask(project, np.zeros(FINE, np.float32))
    assert (row["voxel_count"], row["volume_cm3"], row["n_components"]) == (0, 0.0, 0)
    assert row["touches_border"] is False
    assert row["stored_values"] == [0.0]
    measures = [
        n for n in row
        if n.startswith(("largest", "bbox", "centroid", "mesh", "surface", "spher", "max_"))
    ]  # fmt: skip
    assert len(measures) == 16
    assert {row[name] for name in measures} == {None}
    assert mask_findings(project) == []


def test_mask_of_nothing_but_nan_is_empty(project: Path, release: Path) -> None:
    del release
    row = with_mask(project, np.full(FINE, np.nan, np.float32))
    assert (row["voxel_count"], row["n_nonfinite"]) == (0, int(np.prod(FINE)))


def test_label_2_is_foreground_and_a_stored_value(project: Path, release: Path) -> None:
    del release
    voxels = mask_voxels(1, "stv_manual")
    voxels[9, 7, 8] = 2
    row = with_mask(project, voxels)
    assert row["stored_values"] == [0.0, 1.0, 2.0]
    assert row["voxel_count"] == int((voxels != 0).sum())


def test_foreground_is_the_scaled_value(project: Path, release: Path) -> None:
    del release
    voxels = mask_voxels(1, "stv_manual")
    row = with_mask(project, voxels, scl_slope=1, scl_inter=-1)
    assert row["voxel_count"] == int((voxels != 1).sum())
    assert (row["stored_values"], row["scaled_values"]) == ([0.0, 1.0], [-1.0, 0.0])


@pytest.mark.parametrize(
    ("shift", "matches"), [((0.009, 0, 0), True), ((0, 0.011, 0), False), ((0, 0, -1.0), False)]
)
def test_grid_is_compared_by_corners(
    project: Path,
    release: Path,
    shift: tuple[float, float, float],
    matches: bool,  # noqa: FBT001
) -> None:
    del release
    affine = FINE_AFFINE.copy()
    affine[:3, 3] += shift
    assert with_mask(project, mask_voxels(1, "stv_manual"), affine)["matches_image_grid"] is matches


def test_grid_of_another_spacing_size_or_set(project: Path, release: Path) -> None:
    del release
    voxels = mask_voxels(1, "stv_manual")
    assert with_mask(project, voxels, psr((0.999, 1, 1)))["matches_image_grid"] is False
    assert with_mask(project, voxels[:-1])["matches_image_grid"] is False
    on_native = mask_voxels(1, "ftv").astype(np.float32)
    assert with_mask(project, on_native, NATIVE_AFFINE)["matches_image_grid"] is False


def test_grid_is_unknown_without_an_image(project: Path, release: Path) -> None:
    for folder in release.glob("images_*"):
        shutil.rmtree(folder)
    rebuilt_masks(project)
    assert {row["matches_image_grid"] for row in rows(project, "masks")} == {None}


def test_grid_is_judged_anew_when_only_the_image_changed(project: Path, release: Path) -> None:
    """It depends on another blob: it must never be reused with the mask's row."""
    rebuilt_masks(project)
    assert mask(project, "ISPY1_9001", "stv_manual")["matches_image_grid"] is True
    for path in (release / "images_bias-corrected_resampled_zscored_nifti/ISPY1_9001").iterdir():
        write_nifti(path, np.zeros(FINE, np.float32), psr((1.1, 1, 1)))
    rebuilt_masks(project)
    assert mask(project, "ISPY1_9001", "stv_manual")["matches_image_grid"] is False
    assert mask(project, "ISPY1_9002", "stv_manual")["matches_image_grid"] is True


@pytest.mark.parametrize("grid", ["native", "1mm"])
def test_a_users_own_mask_set_may_lie_on_either_grid(
    project: Path, release: Path, grid: str
) -> None:
    voxels = mask_voxels(1, "ftv" if grid == "native" else "stv_manual")
    affine = NATIVE_AFFINE if grid == "native" else FINE_AFFINE
    write_nifti(release / "masks_mine/ISPY1_9001.nii.gz", voxels, affine)
    rebuilt_masks(project)
    assert mask(project, "ISPY1_9001", "mine")["matches_image_grid"] is True


@pytest.mark.parametrize(
    ("case", "change", "check"),
    [
        ("ISPY1_9001", "moved", "own_mask_off_grid"),
        ("ISPY1_9001", "empty", "own_mask_empty"),
        ("ISPY1_9001", "probabilities", "own_mask_needs_rule"),
        ("ISPY1_9777", "none", "own_mask_without_images"),
        ("ISPY1_9001", "none", None),
    ],
)
def test_a_doubtful_mask_of_the_users_own_is_a_warning(
    project: Path, release: Path, case: str, change: str, check: str | None
) -> None:
    voxels = mask_voxels(1, "stv_manual").astype(np.float32)
    voxels[9, 7, 8] = 0  # no copy of the expert's
    affine = FINE_AFFINE.copy()
    if change == "moved":
        affine[0, 3] += 5
    elif change == "empty":
        voxels[:] = 0
    elif change == "probabilities":
        voxels = voxels * np.linspace(0.2, 0.9, voxels.size, dtype="f4").reshape(voxels.shape)
    write_nifti(release / f"masks_mine/{case}.nii.gz", voxels, affine)
    rebuilt_masks(project)
    found = [f for f in mask_findings(project) if f["path"] == f"masks_mine/{case}.nii.gz"]
    assert [(f["check"], f["severity"]) for f in found] == ([(check, "warning")] if check else [])


def test_refused_mask_is_a_finding_and_the_others_stay(project: Path, release: Path) -> None:
    path = release / MANUAL
    path.write_bytes(path.read_bytes()[:-20])
    rebuilt_masks(project)
    assert len(rows(project, "masks")) == 5
    (finding,) = mask_findings(project)
    assert finding["check"] == "gzip_truncated"
    assert (finding["case_id"], finding["path"], finding["severity"]) == (
        "ISPY1_9001",
        MANUAL,
        "critical",
    )


def test_forms_that_disagree_are_a_finding_beside_the_row(project: Path, release: Path) -> None:
    del release
    with_mask(project, mask_voxels(1, "stv_manual"), srow_x=FINE_AFFINE[0] + [0, 0, 0, 5])
    (finding,) = mask_findings(project)
    assert finding["check"] == "forms_disagree"
    assert "5 mm" in finding["observed"]


def test_link_out_of_the_project_is_refused(project: Path, release: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.nii.gz"
    shutil.move(release / MANUAL, outside)
    (release / MANUAL).symlink_to(outside)
    rebuilt_masks(project)
    (finding,) = mask_findings(project)
    assert finding["check"] == "link_leaves_release"
    assert len(rows(project, "masks")) == 5


def test_identical_masks_of_two_cases(project: Path, release: Path, tmp_path: Path) -> None:
    """One content, two units: what is wrong with the one file is not said of the other."""
    shutil.copy(release / MANUAL, release / MANUAL.replace("9001", "9002"))
    rebuilt_masks(project)
    one, two = (mask(project, case, "stv_manual") for case in CASES)
    assert one["blob_md5"] == two["blob_md5"]
    assert one["voxel_digest"] == two["voxel_digest"]
    assert (one["path"], two["path"]) == (MANUAL, MANUAL.replace("9001", "9002"))
    outside = tmp_path / "outside.nii.gz"
    shutil.move(release / MANUAL, outside)
    (release / MANUAL).symlink_to(outside)
    shutil.rmtree(project / "data/tables")
    shutil.rmtree(project / ".dvc/tmp")
    rebuilt_masks(project)
    assert [f["path"] for f in mask_findings(project)] == [MANUAL]
    assert mask(project, "ISPY1_9002", "stv_manual")["voxel_count"] == one["voxel_count"]


def test_real_mask(project: Path, real: Path) -> None:
    set_params(project / "params.yaml", {"profile": "ispy1_tcia"})
    params.cache_clear()
    target = project / "data/release/masks_stv_manual/ISPY1_1002.nii.gz"
    target.parent.mkdir()
    shutil.copy(real / "NIfTI-Files/masks_stv_manual/ISPY1_1002.nii.gz", target)
    rebuilt_masks(project)
    (row,) = rows(project, "masks")
    assert (row["case_id"], row["mask"]) == ("ISPY1_1002", "stv_manual")
    assert (row["voxel_count"], row["volume_cm3"], row["n_components"]) == (5091, 5.091, 2)
    assert row["orientation"] == "PSR"
    assert [row[f"bbox_min_{a}"] for a in "xyz"] == [88, 78, 65]
    assert [row[f"bbox_max_{a}"] for a in "xyz"] == [111, 104, 96]
    assert row["mesh_volume_mm3"] == pytest.approx(5062.21, abs=0.005)
    assert row["surface_area_mm2"] == pytest.approx(1895.20, abs=0.005)
    assert row["sphericity"] == pytest.approx(0.7523, abs=0.00005)
    assert row["max_diameter_mm"] == pytest.approx(37.054, abs=0.0005)
    assert row["largest_component_max_diameter_mm"] == pytest.approx(29.5, abs=0.05)
    assert row["centroid_r_mm"] == pytest.approx(117.6, abs=0.05)
    assert row["stored_values"] == [0.0, 1.0]
    assert row["matches_image_grid"] is None
    assert row["touches_border"] is False
