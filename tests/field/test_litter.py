"""What other programs leave in a download (owner files of open workbooks, cut downloads)."""

from pathlib import Path

import pytest
from adopting import put
from support import ROOT

from etl.adopt import adopt
from etl.adopt.tell import format_report
from etl.model.errors import UserError
from etl.model.release import LITTER

FEATURES = "ISPY_DataPaper_features.xlsx"
LEFT = (
    f"x/~${FEATURES}", f"x/.~lock.{FEATURES}#", f"x/{FEATURES}.crdownload", "x/.#README",
    "masks_ftv/ISPY1_1002.nii.gz.part", "m.partial", "m.tmp", ".nfs01", "README~", "a.swp",
)  # fmt: skip


def test_an_open_workbook_is_taken_and_litter_is_listed(bare: Path, tmp_path: Path) -> None:
    report = adopt(put(tmp_path / "d", f"x/{FEATURES}", *LEFT), bare, profile="ispy1_tcia")
    assert [taken.source for taken in report.taken] == [f"x/{FEATURES}"]
    assert report.is_complete
    assert report.litter_names == tuple(sorted(LEFT))
    assert f"litter         {len(LEFT)} files: " in "\n".join(format_report(report))


def test_a_folder_of_litter_says_so(bare: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no file but litter \(the first: m\.tmp\)"):
        adopt(put(tmp_path / "d", "m.tmp"), bare)


def test_dvc_hashes_no_litter() -> None:
    assert {*LITTER} <= {*(ROOT / ".dvcignore").read_text().splitlines()}
