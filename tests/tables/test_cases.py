"""The table `cases`."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import pytest
from rebuild import rebuild
from support import (
    CASES,
    CLINICAL,
    FEATURES,
    MANIFEST,
    TRIAL_ONLY,
    Row,
    feature_rows,
    mask_voxels,
    rows,
    write_features,
    write_nifti,
)

from etl.build.plan import add_needs

FTV = "masks_ftv/ISPY1_9001.nii.gz"


def cases(root: Path) -> dict[str, Row]:
    return {row["case_id"]: row for row in rows(root, "cases")}


def rebuilt_cases(root: Path) -> dict[str, Row]:
    rebuild(root, *add_needs(["cases"]))
    return cases(root)


def test_complete_cases_and_a_trial_subject(built: Path) -> None:
    table = cases(built)
    assert list(table) == [*CASES, TRIAL_ONLY]
    for number, case in enumerate(CASES, 9001):
        assert table[case] == {
            "case_id": case, "dataset": "ISPY1-PHANTOM", "subject_number": number,
            "in_release": True, "n_image_n3": 3, "n_image_zscored": 3, "has_mask_ftv": True,
            "has_mask_stv_manual": True, "has_mask_stv_resunet": True, "has_features": True,
            "has_clinical": True, "has_outcomes": True, "has_acquisitions": False,
            "is_complete": True, "known_issue": None,
        }  # fmt: skip
    only = table[TRIAL_ONLY]
    assert not only["in_release"]
    assert not only["is_complete"]
    assert only["has_clinical"]
    assert (only["n_image_n3"], only["has_features"]) == (0, False)


def test_missing_and_unreadable_blobs_make_a_case_incomplete(project: Path, release: Path) -> None:
    (release / FTV).unlink()
    path = release / "masks_stv_manual/ISPY1_9002.nii.gz"
    path.write_bytes(path.read_bytes()[:-9])
    table = rebuilt_cases(project)
    assert table["ISPY1_9001"]["has_mask_ftv"] is False
    assert table["ISPY1_9001"]["is_complete"] is False
    assert table["ISPY1_9002"]["has_mask_stv_manual"] is True  # on disk, but not readable
    assert table["ISPY1_9002"]["is_complete"] is False


@pytest.mark.parametrize("keep", ["manifest", "features", "blob", "clinical"])
def test_what_makes_a_case_of_the_release(project: Path, release: Path, keep: str) -> None:
    """A blob, the manifest or the features workbook; the clinical workbook alone does not."""
    for folder in [p for p in release.iterdir() if p.is_dir()]:
        shutil.rmtree(folder)
    for name, file in (("manifest", MANIFEST), ("features", FEATURES), ("clinical", CLINICAL)):
        if keep != name:
            (release / file).unlink()
    if keep == "blob":
        write_nifti(release / FTV, mask_voxels(1, "ftv"))
    table = rebuilt_cases(project)
    wanted = {"blob": ["ISPY1_9001"], "clinical": [*CASES, TRIAL_ONLY]}.get(keep, list(CASES))
    assert list(table) == wanted
    assert {row["in_release"] for row in table.values()} == {keep != "clinical"}
    assert not any(row["is_complete"] for row in table.values())


def test_doubles_count_once(project: Path, release: Path) -> None:
    path = release / FTV
    path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
    image = release / "images_bias-corrected_nifti/ISPY1_9001/ISPY1_9001_DCE_0001_N3.nii.gz"
    image.with_suffix("").write_bytes(gzip.decompress(image.read_bytes()))
    row = rebuilt_cases(project)["ISPY1_9001"]
    assert (row["n_image_n3"], row["is_complete"]) == (3, True)


def test_a_damaged_gzip_beside_its_good_nii(project: Path, release: Path) -> None:
    """The .nii.gz is the one that counts; the finding says that there are two."""
    path = release / FTV
    content = path.read_bytes()
    path.with_suffix("").write_bytes(gzip.decompress(content))
    path.write_bytes(content[:-9])
    assert rebuilt_cases(project)["ISPY1_9001"]["is_complete"] is False


def test_users_own_mask_set_makes_no_case_complete(project: Path, release: Path) -> None:
    (release / FTV).unlink()
    write_nifti(release / "masks_mine/ISPY1_9001.nii.gz", mask_voxels(1, "ftv"))
    assert rebuilt_cases(project)["ISPY1_9001"]["is_complete"] is False


def test_a_mask_of_the_users_own_makes_no_case_of_the_release(project: Path, release: Path) -> None:
    write_nifti(release / "masks_mine/ISPY1_9777.nii.gz", mask_voxels(1, "stv_manual"))
    assert rebuilt_cases(project)["ISPY1_9777"]["in_release"] is False


def test_broken_workbooks_do_not_lose_cases(project: Path, release: Path) -> None:
    (release / FEATURES).write_bytes(b"x")
    (release / CLINICAL).write_bytes(b"x")
    table = rebuilt_cases(project)
    assert list(table) == list(CASES)
    assert not any(row["has_features"] or row["has_clinical"] for row in table.values())


def test_features_of_a_case_without_blobs(project: Path, release: Path) -> None:
    write_features(release / FEATURES, feature_rows((*CASES, "ISPY1_9777")))
    row = rebuilt_cases(project)["ISPY1_9777"]
    assert (row["in_release"], row["has_features"], row["n_image_n3"]) == (True, True, 0)
