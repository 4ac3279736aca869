"""Two versions of a built project: what happened between them is what the difference says."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from history import GROWN, REPACKED

from etl.ask.diff import Difference, compare, connect
from etl.model import store
from etl.model.errors import UserError


def test_masks_come_with_volume_file_and_dice(found: Difference, story: Path) -> None:
    first, *others = found.masks
    assert (first["case_id"], first["mask"], first["change"]) == (
        "ISPY1_9001",
        "stv_manual",
        "changed",
    )
    assert (first["old_cm3"], first["new_cm3"]) == (0.257, 0.259)
    assert first["difference_cm3"] == pytest.approx(0.002)
    assert first["difference_percent"] == pytest.approx(100 * 2 / 257)
    assert first["dice"] == pytest.approx(2 * 257 / (257 + 259))
    content = (story / "data/release" / GROWN).read_bytes()
    md5 = hashlib.md5(content).hexdigest()  # noqa: S324  DVC's hash
    assert (first["path"], first["new_md5"]) == (GROWN, md5)
    sets = ["ftv", "stv_manual", "stv_resunet"]
    assert [(m["change"], m["case_id"], m["mask"]) for m in others] == [
        *(("added", "ISPY1_9004", name) for name in sets),
        *(("removed", "ISPY1_9002", name) for name in sets),
    ]
    assert all(m["dice"] is None and m["dice_note"] for m in others)


def test_coverage_is_kept_apart_from_values(found: Difference) -> None:
    rows = {(r["case_id"], r["change"], r["table"]): r["n_rows"] for r in found.coverage_rows}
    tables = {"blobs": 9, "cases": 1, "clinical": 1, "features": 6, "images": 6, "masks": 3,
              "mask_agreement": 3, "phase_fits": 3, "kinetics": 6, "recomputed_features": 281,
              "captk_features": 646, "outcomes": 1, "voxel_files": 1}  # fmt: skip
    assert rows == {
        (case, change, table): n
        for case, change in (("ISPY1_9002", "removed"), ("ISPY1_9004", "added"))
        for table, n in tables.items()
    }
    # A third case: the audit, which is over all cases, has a rank correlation now.
    assert {cell["table"] for cell in found.coverage_cells} == {"feature_audit"}
    changed = {(c["table"], c["key"].get("case_id") or c["key"].get("path")) for c in found.values}
    assert changed == {("masks", "ISPY1_9001"), ("mask_agreement", "ISPY1_9001"),
                       ("kinetics", "ISPY1_9001"),
                       ("recomputed_features", "ISPY1_9001"),
                       ("captk_features", "ISPY1_9001"), ("voxel_files", "ISPY1_9001"),
                       ("feature_audit", None), ("feature_fits", None),
                       ("features", "ISPY1_9003"),
                       ("blobs", GROWN), ("blobs", REPACKED)}  # fmt: skip
    columns = {c["column"] for c in found.values if c["table"] == "masks"}
    assert {"volume_cm3", "voxel_count", "bbox_min_x"} <= columns
    assert not columns & {"path", "blob_md5", "content_crc32", "content_bytes", "size_bytes"}


def test_the_most_unusual_value_comes_first(found: Difference) -> None:
    """Of the values of cases, then of those of no case, which follow from them."""
    ranks = [("case_id" not in c["key"], c["unusual"]) for c in found.values]
    assert None not in {rank for _, rank in ranks}
    assert ranks == sorted(ranks, key=lambda rank: (rank[0], -(rank[1] or 0)))


def test_a_repacked_blob_is_packaging_only(found: Difference) -> None:
    changes = {blob["path"]: blob["change"] for blob in found.blobs}
    assert changes[REPACKED] == "packaging only"
    assert changes[GROWN] == "content"
    assert changes["ISPY_DataPaper_features.xlsx"] == "content"
    gone = [path for path, change in changes.items() if change == "removed"]
    assert len(gone) == 9
    assert all("ISPY1_9002" in path for path in gone)
    assert (REPACKED[10:20], "ftv") not in {(m["case_id"], m["mask"]) for m in found.masks}


def test_tables_count_their_rows(found: Difference) -> None:
    masks = next(table for table in found.tables if table["table"] == "masks")
    assert (masks["n_old"], masks["n_new"]) == (9, 9)
    assert (masks["n_added"], masks["n_removed"], masks["n_changed"]) == (3, 3, 2)
    same = {table["table"] for table in found.tables if table not in found.changed_tables}
    assert same >= {"acquisitions", "feature_catalog", "findings"}
    assert not same & {"images", "masks", "features", "kinetics"}


def test_summaries_stand_before_and_after(found: Difference) -> None:
    labels, counts = found.summaries
    assert (labels["name"], counts["name"]) == ("label_summary", "case_counts")
    volumes = [
        {row["mask"]: row["volume_max_cm3"] for row in side or ()}
        for side in (labels["old"], labels["new"])
    ]
    assert (volumes[0]["stv_manual"], volumes[1]["stv_manual"]) == (0.257, 0.259)
    assert {row["name"]: row["n"] for row in counts["old"] or ()}["in_release_cases"] == 3


def test_the_working_tree_is_the_version_that_it_was_committed_as(story: Path) -> None:
    assert not compare(story, "v2").is_different


def test_the_way_back(found: Difference, story: Path) -> None:
    back = compare(story, "v2", "v1", dice=False)
    there = {(b["path"], b["change"]) for b in found.blobs}
    swapped = {"added": "removed", "removed": "added"}
    assert {(b["path"], swapped.get(b["change"], b["change"])) for b in back.blobs} == there
    assert sorted((c["table"], c["column"], str(c["old"])) for c in back.values) == sorted(
        (c["table"], c["column"], str(c["new"])) for c in found.values
    )


def test_json_is_json_and_holds_all(found: Difference) -> None:
    text = json.dumps(found.as_json(), allow_nan=False)
    read = json.loads(text)
    assert (read["old"], read["new"], read["is_different"]) == ("v1", "v2", True)
    assert len(read["values"]) == len(found.values)
    assert read["masks"][0]["dice"] == found.masks[0]["dice"]


def test_a_file_renamed_and_repacked_is_packaging_only(story: Path) -> None:
    with connect(story, "v1", "v2") as db:
        db.execute("create table b as from blobs; drop view blobs; alter table b rename to blobs")
        db.execute("comment on table blobs is 'Grain: x. Key: path.'")
        db.execute("create table m as from masks; drop view masks; alter table m rename to masks")
        plain = REPACKED.removesuffix(".gz")
        db.execute("update blobs set path = ? where path = ?", [plain, REPACKED])
        db.execute("update masks set path = ? where path = ?", [plain, REPACKED])
        other, moved = "masks_ftv/ISPY1_9003.nii.gz", "masks_ftv/sub/9.nii.gz"
        for table in ("blobs", "masks"):
            db.execute(f"update {table} set path = '{moved}' where path = '{other}'")
        rows = db.execute(
            "select old_path, new_path, change from diff.blob_changes "
            "where case_id in ('ISPY1_9001', 'ISPY1_9003') and artefact = 'mask' order by 1"
        ).fetchall()
    assert rows == [
        (REPACKED, plain, "packaging only"),
        (other, moved, "moved"),
        (GROWN, GROWN, "content"),
    ]


def test_without_the_old_blob_there_is_a_reason(story: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(story, tmp_path / "p", symlinks=True))
    old = next(m for m in compare(root, "v1").masks if m["change"] == "changed")
    cached = root / ".dvc/cache/files/md5" / str(old["old_md5"])[:2] / str(old["old_md5"])[2:]
    cached.unlink()
    mask = compare(root, "v1").masks[0]
    # Two other cases have the same mask: their cache file is the same one.
    assert (mask["dice"], mask["dice_note"]) == (None, "the old blob is not at hand")
    (root / ".dvc/cache/files/md5" / str(old["new_md5"])[:2] / str(old["new_md5"])[2:]).unlink()
    kept = compare(root, "v2", "v1").masks
    assert kept[0]["dice_note"] == "the new blob is not at hand"  # the old one lies in the release


def test_a_working_tree_without_tables_is_no_difference(story: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(story, tmp_path / "p", symlinks=True))
    shutil.rmtree(root / "data/tables")
    with pytest.raises(UserError, match=r"the working tree: no table is built.*dvc pull table"):
        compare(root, "v1")


def test_a_table_of_one_version_is_a_difference(story: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(story, tmp_path / "p", symlinks=True))
    store.table_path(root / "data/tables", "outcomes").unlink()
    found = compare(root, "v2")
    assert [(t["table"], t["n_old"], t["n_new"]) for t in found.changed_tables] == [
        ("outcomes", 4, None)
    ]
    assert found.is_different
