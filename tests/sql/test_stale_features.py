"""stale_features: published values whose mask is another one now; and the record of adoption."""

from __future__ import annotations

import csv
import gzip
import shutil
from pathlib import Path
from typing import Any

import history
import numpy as np
import pytest
from support import (
    CASES,
    FEATURE_NAMES,
    FINE_AFFINE,
    MANIFEST,
    make_project,
    make_release,
    mask_voxels,
    md5,
    write_nifti,
)

import etl
from etl.adopt import adopt
from etl.adopt.tell import format_report
from etl.ask.diff import connect as connect_diff
from etl.build.index import write_indexes
from etl.build.run import build_tables
from etl.model import project
from etl.model.errors import UserError
from etl.warehouse.reports import find

FIRST, OTHER = CASES
MASK = f"masks_stv_manual/{FIRST}.nii.gz"
RECORD = "data/adopted.csv"
TABLES = ("blobs", "images", "masks", "features")
N_PUBLISHED = len(FEATURE_NAMES) - 1  # one cell of each case is blank


with_and_without_a_manifest = pytest.mark.parametrize("is_listed", [True, False])


def rebuild(root: Path, *more: str) -> None:
    write_indexes(root)
    build_tables(root, [*TABLES, *more], workers=1)


def stale(root: Path) -> dict[tuple[str, str], tuple[Any, ...]]:
    """(case, feature) -> mask, reason, published_from, now."""
    rebuild(root)
    found = etl.connect(root).execute("from stale_features").fetchall()
    return {(row[0], row[1]): row[2:] for row in found}


def record(root: Path) -> list[dict[str, str]]:
    with (root / RECORD).open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def adopted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that adopted a download."""
    folder = tmp_path_factory.mktemp("stale")
    make_release(folder / "download")
    root = make_project(folder / "project")
    report = adopt(folder / "download", root)
    assert report.recorded == 2
    assert any(line.startswith("recorded") and RECORD in line for line in format_report(report))
    return root


@pytest.fixture
def root(adopted: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(adopted, tmp_path / "project"))


@pytest.fixture
def mask(root: Path) -> Path:
    return root / "data/release" / MASK


def revise(mask: Path) -> None:
    """Another reading of the tumour, by hand."""
    voxels = mask_voxels(9001, "stv_manual")
    voxels[9, 7, 4] = 1 - voxels[9, 7, 4]
    write_nifti(mask, voxels, forms="q", scl_slope=1, scl_inter=0)


# --- what is stale ----------------------------------------------------------------------------


def test_an_adopted_release_is_fresh(root: Path) -> None:
    assert stale(root) == {}


@with_and_without_a_manifest
def test_a_mask_edited_by_hand_makes_its_features_stale(
    root: Path, mask: Path, *, is_listed: bool
) -> None:
    before = md5(mask)
    if not is_listed:
        (root / "data/release" / MANIFEST).unlink()
    revise(mask)
    found = stale(root)
    assert {case for case, _ in found} == {FIRST}
    assert len(found) == N_PUBLISHED
    assert set(found.values()) == {
        ("stv_manual", "other voxels or another place than when it was adopted", before, md5(mask))
    }
    report = etl.connect(root).execute(find(root, "stale")).fetchall()
    assert [(row[0], row[-1]) for row in report] == [(FIRST, N_PUBLISHED)]


def test_a_mask_that_is_put_back_is_fresh_again(root: Path, mask: Path) -> None:
    content = mask.read_bytes()
    revise(mask)
    assert stale(root)
    mask.write_bytes(content)
    assert stale(root) == {}


@with_and_without_a_manifest
def test_a_file_that_is_packed_again_or_unpacked_is_fresh(
    root: Path, mask: Path, *, is_listed: bool
) -> None:
    if not is_listed:
        (root / "data/release" / MANIFEST).unlink()
    stream = gzip.decompress(mask.read_bytes())
    mask.write_bytes(gzip.compress(stream, 1, mtime=7))
    assert stale(root) == {}
    mask.unlink()
    mask.with_suffix("").write_bytes(stream)
    assert stale(root) == {}


def test_the_same_voxels_in_another_type_are_fresh(root: Path, mask: Path) -> None:
    """As viewers save them: uint8, other codes, no scaling."""
    voxels = mask_voxels(9001, "stv_manual").astype(np.uint8)
    write_nifti(mask, voxels, forms="qs", scl_slope=0)
    assert stale(root) == {}


def test_the_same_voxels_in_another_place_are_stale(root: Path, mask: Path) -> None:
    affine = FINE_AFFINE.copy()
    affine[:3, 3] += 3
    write_nifti(mask, mask_voxels(9001, "stv_manual"), affine, forms="q", scl_slope=1, scl_inter=0)
    assert {case for case, _ in stale(root)} == {FIRST}


def test_a_mask_that_cannot_be_read_is_stale(root: Path, mask: Path) -> None:
    mask.write_bytes(mask.read_bytes()[:-9])
    assert {case for case, _ in stale(root)} == {FIRST}


def test_a_mask_that_is_gone_and_other_masks_say_nothing(root: Path, mask: Path) -> None:
    mask.unlink()
    revise(root / "data/release" / f"masks_stv_resunet/{OTHER}.nii.gz")
    assert stale(root) == {}


def test_without_a_record_the_publisher_s_md5_tells(root: Path, mask: Path) -> None:
    before = md5(mask)
    (root / RECORD).unlink()
    revise(mask)
    assert set(stale(root).values()) == {
        ("stv_manual", "another MD5 than the publisher's", before, md5(mask))
    }
    (root / "data/release" / MANIFEST).unlink()
    assert stale(root) == {}  # nothing is known of what the features were made from


# --- the record -------------------------------------------------------------------------------


def test_the_record_says_what_came(root: Path, mask: Path) -> None:
    first, other = record(root)
    assert (first["case_id"], first["mask"], first["path"]) == (FIRST, "stv_manual", MASK)
    stream = gzip.decompress(mask.read_bytes())
    assert first["md5"] == md5(mask)
    assert int(first["content_bytes"]) == len(stream)
    assert other["case_id"] == OTHER
    db = etl.connect(root)
    assert db.execute("select count(*) from inputs.adopted").fetchall() == [(2,)]


def test_a_revised_mask_that_is_adopted_never_replaces_the_record(
    root: Path, mask: Path, tmp_path: Path
) -> None:
    before = (root / RECORD).read_bytes()
    again = tmp_path / "again" / MASK
    again.parent.mkdir(parents=True)
    shutil.copy(mask, again)
    report = adopt(tmp_path / "again", root)
    assert (report.recorded, report.is_changed) == (0, False)
    revise(again)
    report = adopt(tmp_path / "again", root)
    assert (report.recorded, report.is_changed) == (0, True)
    assert (root / RECORD).read_bytes() == before
    assert {case for case, _ in stale(root)} == {FIRST}


def test_a_release_that_was_adopted_before_there_was_a_record_gets_one(
    root: Path, adopted: Path
) -> None:
    before = (root / RECORD).read_bytes()
    (root / RECORD).unlink()
    download = adopted.parent / "download"
    assert adopt(download, root, dry_run=True).recorded == 0
    assert not (root / RECORD).exists()
    assert adopt(download, root).recorded == 2
    assert (root / RECORD).read_bytes() == before


def test_a_damaged_mask_has_no_record_until_it_comes_whole(tmp_path: Path) -> None:
    make_release(tmp_path / "download", cases=(FIRST,))
    whole = (tmp_path / "download" / MASK).read_bytes()
    (tmp_path / "download" / MASK).write_bytes(whole[:-9])
    root = make_project(tmp_path / "project")
    assert adopt(tmp_path / "download", root).recorded == 0
    (tmp_path / "download" / MASK).write_bytes(whole)
    assert adopt(tmp_path / "download", root).recorded == 1


def test_a_damaged_record_is_told(root: Path, adopted: Path) -> None:
    (root / RECORD).write_text("case_id,mask\n")
    with pytest.raises(UserError, match=r"adopted\.csv: has the columns"):
        adopt(adopted.parent / "download", root)


# --- versions ---------------------------------------------------------------------------------


def test_an_edited_mask_shows_in_the_difference_of_versions(root: Path, mask: Path) -> None:
    """Commit what was adopted, edit a mask by hand, rebuild: stale now, fresh in v1."""
    rebuild(root, "captk_features")
    history.begin(root)
    history.keep(root, f"{project.TABLES}: {{persist: true}}")
    history.commit(root, "v1")
    revise(mask)
    rebuild(root, "captk_features")
    db = connect_diff(root, "v1")
    sql = "select count(*), count(distinct case_id) from {}stale_features"
    assert db.execute(sql.format("")).fetchall() == [(N_PUBLISHED, 1)]
    assert db.execute(sql.format("old.")).fetchall() == [(0, 0)]
    changed = "select distinct case_id, mask from diff.masks where \"column\" = 'voxel_digest'"
    assert db.execute(changed).fetchall() == [(FIRST, "stv_manual")]
    features = "select distinct case_id from diff.captk_features where \"column\" = 'value'"
    assert db.execute(features).fetchall() == [(FIRST,)]
