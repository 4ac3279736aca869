"""The table `blobs`: what is there, what should be, and what the publisher's manifest says."""

from __future__ import annotations

import gzip
from pathlib import Path

from rebuild import rebuild
from support import (
    CASES,
    CLINICAL,
    FEATURES,
    MANIFEST,
    Row,
    feature_rows,
    findings,
    rows,
    write_features,
    write_manifest,
    write_nifti,
    zscored_image,
)

N3 = "images_bias-corrected_nifti/ISPY1_9001/ISPY1_9001_DCE_0000_N3.nii.gz"
FTV = "masks_ftv/ISPY1_9001.nii.gz"


def blobs(root: Path) -> dict[str, Row]:
    rebuild(root, "blobs")
    return {row["path"]: row for row in rows(root, "blobs")}


def found(root: Path, check: str) -> list[Row]:
    return [row for row in findings(root, table="blobs") if row["check"] == check]


def test_a_complete_release(built: Path) -> None:
    table = rows(built, "blobs")
    assert len(table) == 2 * 9 + 4
    assert {row["verdict"] for row in table if row["case_id"]} == {"match"}
    assert {row["verdict"] for row in table if not row["case_id"]} == {"unlisted"}
    assert findings(built) == []
    row = next(r for r in table if r["path"] == N3)
    assert (row["artefact"], row["mask"], row["case_id"], row["phase"]) == (
        "image_n3",
        None,
        "ISPY1_9001",
        0,
    )
    assert row["md5"] == row["publisher_md5"]
    assert row["size_bytes"] == (built / "data/release" / N3).stat().st_size
    kinds = {row["artefact"] for row in table}
    assert kinds == {
        "image_n3", "image_zscored", "mask", "features", "clinical", "captk_parameters", "manifest",
    }  # fmt: skip


def test_missing_blobs_have_a_row(project: Path, release: Path) -> None:
    (release / N3).unlink()
    (release / CLINICAL).unlink()
    table = blobs(project)
    assert table[N3]["verdict"] == "missing"
    assert table[N3]["md5"] is None
    assert table[N3]["size_bytes"] is None
    assert table[N3]["publisher_md5"] is not None  # the manifest still lists it
    assert table[CLINICAL]["verdict"] == "missing"


def test_without_a_manifest(project: Path, release: Path) -> None:
    (release / MANIFEST).unlink()
    (release / FTV).unlink()
    table = blobs(project)
    assert {r["verdict"] for r in table.values()} == {"no_manifest", "missing"}
    assert table[FTV]["verdict"] == "missing"  # a case has nine blobs, whoever lists them


def test_a_case_that_only_the_features_name_misses_all_of_its_blobs(
    project: Path, release: Path
) -> None:
    write_features(release / FEATURES, feature_rows((*CASES, "ISPY1_9777")))
    table = blobs(project)
    missing = [r for r in table.values() if r["case_id"] == "ISPY1_9777"]
    assert len(missing) == 9
    assert {r["verdict"] for r in missing} == {"missing"}


def test_changed_blob_is_a_mismatch(project: Path, release: Path) -> None:
    other = zscored_image(5, 1)
    write_nifti(release / FTV, other)
    table = blobs(project)
    assert table[FTV]["verdict"] == "mismatch"
    assert table[FTV]["md5"] != table[FTV]["publisher_md5"]


def test_gunzipped_blob_is_repacked_and_not_missing(project: Path, release: Path) -> None:
    plain = FTV.removesuffix(".gz")
    (release / plain).write_bytes(gzip.decompress((release / FTV).read_bytes()))
    (release / FTV).unlink()
    table = blobs(project)
    assert table[plain]["verdict"] == "repacked"
    assert FTV not in table


def test_both_forms_side_by_side_are_a_double(project: Path, release: Path) -> None:
    plain = FTV.removesuffix(".gz")
    (release / plain).write_bytes(gzip.decompress((release / FTV).read_bytes()))
    blobs(project)
    (double,) = found(project, "double_blob")
    assert double["severity"] == "critical"
    assert double["case_id"] == "ISPY1_9001"
    assert plain in double["observed"]
    assert FTV in double["observed"]


def test_unlisted_and_unknown_files(project: Path, release: Path) -> None:
    (release / "notes.docx").write_bytes(b"x")
    (release / "README").write_bytes(b"x")
    (release / ".DS_Store").write_bytes(b"x")
    own = "masks_mine/ISPY1_9001.nii.gz"
    write_nifti(release / own, zscored_image(1, 1))
    table = blobs(project)
    assert table["notes.docx"]["artefact"] == "other"
    assert table[own]["mask"] == "mine"
    assert table[own]["verdict"] == "unlisted"
    assert ".DS_Store" not in table
    assert [r["path"] for r in found(project, "unknown_file")] == ["notes.docx"]
    assert found(project, "unknown_file")[0]["severity"] == "warning"


def test_broken_manifest_is_a_finding(project: Path, release: Path) -> None:
    (release / MANIFEST).write_text("<html>")
    table = blobs(project)
    (finding,) = found(project, "manifest_unreadable")
    assert finding["path"] == MANIFEST
    assert table[FTV]["verdict"] == "unlisted"


def test_roots_of_the_manifest_do_not_matter(project: Path, release: Path) -> None:
    text = write_manifest(release).read_text()
    (release / MANIFEST).write_text(text.replace("ISPY1-Tumor-SEG-Radiomics/NIfTI-Files/", ""))
    assert {r["verdict"] for r in blobs(project).values() if r["case_id"]} == {"match"}


def test_an_empty_release_is_legal(project: Path) -> None:
    table = blobs(project)
    assert {row["artefact"] for row in table.values()} == {
        "features",
        "clinical",
        "captk_parameters",
    }
    assert {row["verdict"] for row in table.values()} == {"missing"}
