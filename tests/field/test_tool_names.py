"""Masks come by the names of the tools that made them; so do the ids of a user's own tables."""

from pathlib import Path

import duckdb
import pytest
from adopting import put
from support import ROOT

from etl.adopt import Report, adopt
from etl.adopt.tell import format_report
from etl.model.errors import UserError
from etl.model.params_file import set_params
from etl.model.profile import load_profile
from etl.warehouse.own_ids import warn_of_misspelt_ids

PROFILE = load_profile(ROOT, "phantom")


def adopt_masks(bare: Path, *paths: str) -> Report:
    """Adopt own masks of a release of three cases."""
    put(bare / "data/release/masks_ftv", *(f"ISPY1_{case}.nii.gz" for case in (9001, 9002, 9003)))
    return adopt(put(bare / "own", *paths), bare, mask_set="mine", dry_run=True)


@pytest.mark.parametrize(
    "path",
    [
        "ISPY1_9001_seg.nii.gz",  # 3D Slicer
        "ISPY1_9001/ISPY1_9001_trans.nii.gz",  # MONAI's SaveImage: a folder per case
        "case_9001_pred.nii.gz",
        "ispy1_9001.nii.gz",
        "ISPY1_9001_0000.nii.gz",  # nnU-Net's channel
        "ISPY1-9001/run_1024/pred.nii",
        "2023/9001_2023-05.nii.gz",
    ],
)
def test_one_id_in_name_or_folder_is_enough(bare: Path, path: str) -> None:
    report = adopt_masks(bare, path)
    assert [taken.target.split(".")[0] for taken in report.taken] == ["masks_mine/ISPY1_9001"]
    assert report.is_complete
    name = Path(report.taken[0].target).name
    assert Path(path).name == name or f"{path} is {name}" in "\n".join(format_report(report))


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("ISPY1_9002/ISPY1_9001.nii.gz", "names 2 cases, ISPY1_9001 and ISPY1_9002"),
        ("9001_to_9002.nii.gz", "names 2 cases, ISPY1_9001 and ISPY1_9002"),
        ("ISPY1_9001 (1).nii.gz", "second copy"),
        ("ISPY1_9001.nii.gz.part", "unfinished download"),
    ],
)
def test_what_is_no_mask_of_one_case_is_refused_by_name(bare: Path, path: str, reason: str) -> None:
    with pytest.raises(UserError, match=f"{reason}|litter"):
        adopt_masks(bare, path)
    report = adopt_masks(bare, "ISPY1_9003_seg.nii.gz")
    assert [(note.path, reason in note.reason) for note in report.refused] == [(path, True)]
    assert not report.is_complete


def test_a_refused_mask_is_not_pruned(bare: Path) -> None:
    adopt_masks(bare, "ISPY1_9001 (1).nii.gz", "ISPY1_9003.nii.gz", "ISPY1_9002.nii.gz.part")
    put(bare / "data/release/masks_mine", "ISPY1_9001.nii.gz", "ISPY1_9002.nii.gz")
    assert adopt(bare / "own", bare, mask_set="mine", prune=True).removed == ()


def test_a_folder_of_links_says_so(bare: Path, tmp_path: Path) -> None:
    adopt_masks(bare, "ISPY1_9001.nii.gz")
    (tmp_path / "farm").mkdir()
    (tmp_path / "farm/ISPY1_9001.nii.gz").symlink_to(bare / "own/ISPY1_9001.nii.gz")
    with pytest.raises(UserError, match=r"1 refused, the first ISPY1_9001\.nii\.gz: link"):
        adopt(tmp_path / "farm", bare, mask_set="mine")


@pytest.mark.parametrize(
    "ids",
    ["(9001.0::double), (9002.0)", "(9001), (9002)", "('ISPY1-9001'), ('ISPY1-9002')",
     "('ISPY1_9001 '), ('ispy1_9002')"],
)  # fmt: skip
def test_ids_that_would_join_to_nothing_are_told_with_a_join_that_does(ids: str) -> None:
    connection = duckdb.connect()
    connection.execute(
        "create table cases as select 'ISPY1_' || i as case_id from range(9001,9003) t(i)"
    )
    connection.execute(f'create table mine as from (values {ids}) t("my id")')
    told = warn_of_misspelt_ids(connection, "mine", PROFILE)
    assert told is not None
    assert "2 of 2 ids in 'my id' join to 0 rows" in told
    joined = connection.sql(f"from cases join mine on {told.partition(' Join on ')[2]}")
    assert len(joined.fetchall()) == 2


@pytest.mark.parametrize("ids", ["('ISPY1_9001')", "(7), (9001), (8)", "('a')", "(null)"])
def test_ids_that_join_and_numbers_of_something_else_are_not_told(ids: str) -> None:
    connection = duckdb.connect()
    connection.execute("create table cases as from (values ('ISPY1_9001')) t(case_id)")
    connection.execute(f"create table mine as from (values {ids}) t(n)")
    assert warn_of_misspelt_ids(connection, "mine", PROFILE) is None


def test_params_keep_their_format(tmp_path: Path) -> None:
    path, text = tmp_path / "params.yaml", (ROOT / "params.yaml").read_text()
    path.write_text(text)
    set_params(path, {"release": "data/elsewhere"})
    assert path.read_text() == text.replace("release: data/phantom", "release: data/elsewhere")
