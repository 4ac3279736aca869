"""Whatever stands in a query, a file or an option, the answer is a sentence and exit 2."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest
from made.small import make_project

from etl.cli import _run

LONG = "x" * 300  # longer than a file's name may be


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = make_project(tmp_path_factory.mktemp("odd") / "project")
    (root / "latin.sql").write_bytes(b"select 'caf\xe9'")
    (root / "wide.sql").write_text("select 1", encoding="utf-16")
    (root / "folder.sql").mkdir()
    (root / "a.csv").write_text("v\n1\n")
    return root


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["sql", "latin.sql"], "in UTF-8"), (["sql", "wide.sql"], "in UTF-8"),
        (["sql", "folder.sql"], "Is a directory"), (["sql", b"select '\xff'"], "in UTF-8"),
        (["sql", "-"], "in UTF-8"),
        (["sql", "select 1", "--with", f"m={LONG}"], "File name too long"),
        (["sql", "from m", "--with", "order=a.csv"], "SQL has this word"),
        (["sql", "select 1", "--memory", b"\xff"], "expected a size"),
        (["sql", "select now()"], "::varchar"), (["sql", "update extensions"], "read-only"),
        (["sql", "select interval 1 day as d", "-o", "d.parquet"], "Cast the column"),
        (["describe", LONG], "x"), (["fsck", "--export", LONG], "File name too long"),
    ],
)  # fmt: skip
def test_an_odd_word_is_a_sentence(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    words: list[str | bytes], said: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(root)
    monkeypatch.setattr(sys, "argv", ["ispy1", *map(os.fsdecode, words)])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"select '\xff'"), "utf-8"))
    code, error = _run(), capsys.readouterr().err
    assert (code, error.count("\n")) == (2, 1)
    assert said in error
    assert "not foreseen" not in error


def test_a_byte_order_mark_is_no_part_of_the_query(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "bom.sql").write_text("select 7 as a", encoding="utf-8-sig")
    monkeypatch.chdir(root)
    monkeypatch.setattr(sys, "argv", ["ispy1", "sql", "bom.sql", "-f", "csv"])
    assert (_run(), capsys.readouterr().out) == (0, "a\n7\n")
