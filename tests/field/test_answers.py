"""An answer has the form of its file's name, lies over nothing that was read, and is complete."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from made.small import make_project
from typer.testing import CliRunner

from etl.cli import app
from etl.model.errors import UserError
from etl.text.answer_format import choose_format

Ask = Callable[..., str]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("answers") / "project")


@pytest.fixture
def ask(root: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    def run(*words: str) -> str:
        """What is said, or '' where all went well."""
        done = CliRunner().invoke(app, words)
        assert isinstance(done.exception, UserError) or done.exit_code == 0, done.exception
        return str(done.exception or "")

    monkeypatch.chdir(root)
    return run


@pytest.mark.parametrize(
    ("asked", "name", "form"),
    [
        (None, None, "table"), (None, "a.CSV", "csv"), (None, "a.pq", "parquet"),
        ("markdown", "a.md", "markdown"), ("table", "a.txt", "table"), ("json", "a", "json"),
    ],
)  # fmt: skip
def test_the_suffix_decides(asked: str | None, name: str | None, form: str) -> None:
    assert choose_format(asked, Path(name) if name else None) == form


@pytest.mark.parametrize(
    ("asked", "name", "said"),
    [
        ("xml", None, "expected one of"), ("csv", "a.json", "by its suffix"),
        ("csv", "a.xlsx", "by its suffix"), (None, "a.xlsx", "Say --format"),
        (None, "a.dat", "Say --format"), (None, "a", "Say --format"), ("table", "a.csv", "Change"),
    ],
)  # fmt: skip
def test_a_contradiction_is_refused(asked: str | None, name: str | None, said: str) -> None:
    with pytest.raises(UserError, match=said):
        choose_format(asked, Path(name) if name else None)


@pytest.mark.parametrize("form", ["json", "parquet"])
def test_no_column_is_dropped(ask: Ask, tmp_path: Path, form: str) -> None:
    old = tmp_path / f"a.{form}"
    old.write_text("old")
    assert "Two columns are called a" in ask("sql", "select 1 as a, 2 as a", "-o", str(old))
    assert old.read_text() == "old"
    answer = tmp_path / "a.csv"
    assert not ask("sql", "select 1 as a, 2 as a", "-o", str(answer))
    assert answer.read_text() == "a,a\n1,2\n"
    assert not ask("sql", "select 1 as a", "-o", str(tmp_path / "b.json"))
    assert json.loads((tmp_path / "b.json").read_text()) == [{"a": 1}]


def test_an_input_is_not_written_over(ask: Ask, tmp_path: Path) -> None:
    own, link, question = tmp_path / "a.csv", tmp_path / "b.csv", tmp_path / "q.sql"
    own.write_text("v\n1\n")
    link.hardlink_to(own)
    question.write_text("from m")
    for output in (own, link):
        said = ask("sql", str(question), "--with", f"m={own}", "-o", str(output))
        assert "the command reads" in said
    said = ask("sql", str(question), "--with", f"m={own}", "-o", str(question), "-f", "csv")
    assert "the command reads" in said
    assert (own.read_text(), question.read_text()) == ("v\n1\n", "from m")


@pytest.mark.parametrize(
    "place", ["data/tables/masks.parquet", "data/tables/new.parquet", "splits.csv"]
)
def test_the_project_is_not_written_over(ask: Ask, root: Path, place: str) -> None:
    before = (root / place).read_bytes() if (root / place).exists() else None
    assert "the command reads" in ask("sql", "select 1 as a", "-o", place)
    assert "the command reads" in ask("report", "labels", "-o", place)
    assert ((root / place).read_bytes() if (root / place).exists() else None) == before


def test_a_list_of_reports_takes_no_file(ask: Ask, tmp_path: Path) -> None:
    assert "of which report" in ask("report", "-o", str(tmp_path / "a.csv"))


def test_an_export_and_a_slice_leave_the_project_alone(ask: Ask) -> None:
    assert "the command reads" in ask("export", "data", "--force")
    assert "the command reads" in ask("idc", "own.parquet", "-o", "data/tables/masks.parquet")
