"""Commands are found by their files; the shell completes names; the version is said."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest
import typer
from history import git
from made import small
from support import ROOT
from typer.testing import CliRunner

import etl.cli
from etl.cli import complete, progress
from etl.model import project

TOPIC = '''
def register(app):
    app.command()(greet)

def greet():
    """Greet the reader."""
'''


def test_a_file_in_the_folder_is_a_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing else is edited, and the new command comes after those of its panel."""
    (tmp_path / "greetings.py").write_text(TOPIC)
    monkeypatch.setattr(etl.cli, "__path__", [*etl.cli.__path__, str(tmp_path)])
    app = typer.Typer()
    etl.cli._register_topics(app)
    monkeypatch.delitem(sys.modules, "etl.cli.greetings")
    words = CliRunner().invoke(app, ["--help"]).output.split()
    assert words.index("status") < words.index("greet")


@pytest.fixture(scope="module")
def tagged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = small.make_project(tmp_path_factory.mktemp("tagged") / "project")
    git(root, "init", "-q")
    git(root, "commit", "-q", "--allow-empty", "-m", "First")
    git(root, "tag", "v1.0")
    git(root, "tag", "v2.0")
    return root


@pytest.mark.parametrize(
    ("offer", "typed", "names"),
    [
        (complete.complete_relations, "phase_", {"phase_correlation", "phase_fits", "phase_scale"}),
        (complete.complete_relations, "enhancing", {"enhancing_volume"}),
        (complete.complete_relations, "gate", {"gate_results"}),
        (complete.complete_tables, "masks", {"masks"}),
        (complete.complete_columns, "volumes", {"volumes."}),
        (complete.complete_columns, "volumes.ftv_c", {"volumes.ftv_cm3"}),
        (complete.complete_columns, "masks.volume", {"masks.volume_cm3"}),
        (complete.complete_reports, "vol", {"volumes"}),
        (complete.complete_cases, "ISPY1_905", {"ISPY1_9050"}),
        (complete.complete_keys, "stv_m", {"stv_manual"}),
        (complete.complete_mask_sets, "mi", {"mine"}),
        (complete.complete_profiles, "", {"ispy1_tcia", "phantom"}),
        (complete.complete_tags, "v", {"v1.0", "v2.0"}),
        (complete.complete_versions, "old=v2", {"old=v2.0"}),
        (complete.complete_versions, "old", set()),
    ],
)
def test_a_shell_completes_names(
    tagged: Path,
    monkeypatch: pytest.MonkeyPatch,
    offer: Callable[[str], list[str]],
    typed: str,
    names: set[str],
) -> None:
    monkeypatch.chdir(tagged)
    assert set(offer(typed)) == names


def test_where_there_is_nothing_a_shell_completes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Outside a project, then in one that is no clone and has no table; and not a word of it."""
    offers = [v for name, v in vars(complete).items() if name.startswith("complete_")]
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        assert [offer(typed) for offer in offers for typed in ("", "a.b", "a=b")] == [[]] * (
            3 * len(offers)
        )
        (tmp_path / "dvc.yaml").touch()
        (tmp_path / "params.yaml").touch()
    assert capfd.readouterr() == ("", "")


def test_a_damaged_table_offers_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("dvc.yaml", "params.yaml", "data/tables/cases.parquet"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("no table")
    monkeypatch.chdir(tmp_path)
    assert complete.complete_cases("") == complete.complete_columns("cases.") == []


def test_the_protocol_of_the_shell(tagged: Path) -> None:
    """As bash asks after TAB, with no library loaded that a name does not need."""
    code = (
        "import atexit, sys, etl.cli\n"
        "slow = {'duckdb', 'pandas', 'polars', 'pyarrow', 'great_expectations', 'dvc', 'rich'}\n"
        "atexit.register(lambda: print(*slow & set(sys.modules), file=sys.stderr))\n"
        "sys.argv[0] = 'ispy1'\n"
        "etl.cli.main()"
    )
    words = {"COMP_WORDS": "ispy1 report vol", "COMP_CWORD": "2"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tagged, capture_output=True, text=True, check=False,
        env={**os.environ, **words, "_ISPY1_COMPLETE": "complete_bash", "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert (done.stdout.split(), done.stderr.strip()) == (["volumes"], "")


def test_the_version_names_what_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    said = CliRunner().invoke(etl.cli.app, ["--version"]).stdout
    number = r"[0-9]+\.[0-9]+\.[0-9]+\S*"
    assert re.fullmatch(
        rf"ispy1 {number}( \(git \w+(-dirty)?\))?, Python {number}, duckdb {number}\n", said
    )
    assert ("(git " in said) == (ROOT / ".git").exists()
    monkeypatch.setattr(etl, "__file__", str(tmp_path / "etl/__init__.py"))
    assert "git" not in CliRunner().invoke(etl.cli.app, ["--version"]).stdout


def test_a_missing_package_is_a_matter_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A `.venv` of an older lock ended in "this was not foreseen"."""

    def find_root() -> Path:
        import_module("altair_of_tomorrow")
        raise AssertionError

    monkeypatch.setattr(project, "find_root", find_root)
    monkeypatch.setattr(sys, "argv", ["ispy1", "status"])
    assert etl.cli._run() == 2
    error = capsys.readouterr().err
    assert "altair_of_tomorrow is not installed here" in error
    assert "`make clean setup`" in error


@pytest.mark.parametrize("is_terminal", [False, True])
def test_a_bar_is_for_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, is_terminal: bool
) -> None:
    monkeypatch.setattr(progress, "SILENT_S", 0)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: is_terminal)
    with progress.progress_bar("gate") as bar:
        for thread in threading.enumerate():
            if isinstance(thread, threading.Timer):
                thread.join()
        for done in range(3):
            bar(done + 1, 28)
    out, err = capsys.readouterr()
    assert out == ""
    assert ("3/28" in err, "left" in err, err == "") == (is_terminal, is_terminal, not is_terminal)
    monkeypatch.setattr(progress, "SILENT_S", 3600)
    with progress.progress_bar("gate") as bar:
        bar(28, 28)
    assert capsys.readouterr().err == ""
