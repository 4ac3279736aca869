"""A reader needs no disk, and a project without its tables is not clean."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from history import make_history
from made.small import make_project

from etl.ask.fsck import format_lines, fsck
from etl.model.project import TABLES, release_path
from etl.warehouse import connect, held


@pytest.mark.skipif(not held.MEMORY.is_dir(), reason="no folder in memory on this system")
def test_a_past_version_is_read_where_no_temporary_folder_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_history(tmp_path / "p", remote=tmp_path / "remote")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "full"))
    with connect.connect(root, rev="v1") as connection:
        assert connection.execute("select count(*) > 0 from masks").fetchone() == (True,)


def test_a_project_whose_tables_are_all_gone_is_not_clean(tmp_path: Path) -> None:
    root = make_project(tmp_path)
    release_path(root).mkdir(parents=True)
    first, *others = sorted((root / TABLES).glob("*.parquet"))
    for path in others:
        path.unlink()
    report = fsck(root)
    assert any("not here; `ispy1 repro` brings them" in note for note in report.notes)
    assert TABLES not in {problem.path for problem in report.problems}
    first.unlink()
    report = fsck(root)
    assert TABLES in {problem.path for problem in report.problems}
    assert list(format_lines(report))[-1] != "clean"
