"""A query has limits of time, memory and disk; Ctrl-C ends it; what a killed one left goes.

DuckDB 24576 (temporary files stay), 8564 (a limit of time), 15925 (no end by an interrupt).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from made.small import make_project
from typer.testing import CliRunner

from etl.ask.fsck.model import Tracked
from etl.ask.fsck.tables import _list_strays
from etl.cli import app
from etl.model.errors import UserError
from etl.text.markdown import escape, format_table
from etl.text.table import lay_out
from etl.warehouse import limits, query

MAIN = """
import signal; signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may ignore it
from etl.cli import main; main()
"""
CLI = (sys.executable, "-c", MAIN, "sql")
DEAF = r"select regexp_matches(repeat('a', 3000000) || 'b', '(a?){900}c')"
ENDLESS = "select count(*) from range(1000000) a, range(1000000) b where a.range * b.range % 7 = 3"
LARGE = "from (select repeat(md5(i::varchar), 3) x from range(2000000) t(i)) order by x"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("limits") / "project")


def test_ctrl_c_ends_a_query_that_does_not_listen_and_leaves_the_old_answer(root: Path) -> None:
    old = root.parent / "old.csv"
    old.write_text("old")
    query_ = subprocess.Popen([*CLI, DEAF, "-o", old], cwd=root, stderr=subprocess.PIPE, text=True)
    time.sleep(3)  # it works by now
    query_.send_signal(signal.SIGINT)
    started = time.monotonic()
    query_.send_signal(signal.SIGINT)
    _, said = query_.communicate(timeout=20)
    assert time.monotonic() - started < 5  # a second, on a machine with nothing else to do
    assert (query_.returncode, "Traceback" in said, old.read_text()) == (130, False, "old")


def test_a_limit_of_time_is_a_sentence(root: Path) -> None:
    done = subprocess.run(
        [*CLI, DEAF, "--timeout", "1"], cwd=root, capture_output=True, text=True, timeout=30,
        check=False,
    )  # fmt: skip
    said = "ispy1: Query: not done in 1 s. Ask for less, or raise --timeout.\n"
    assert (done.returncode, done.stderr) == (2, said)


def test_time_is_that_of_all_rows(root: Path) -> None:
    with pytest.raises(UserError, match=r"not done in 0\.2 s"):
        list(query.run(ENDLESS, root, limits=limits.Limits(seconds=0.2)).rows())
    assert not limits.is_stuck()


@pytest.mark.parametrize("asked", [("100MB", "10MB"), ("40MB", "1MB")])
def test_limits_of_memory_and_disk_are_a_sentence(root: Path, asked: tuple[str, str]) -> None:
    memory, spill = asked
    with pytest.raises(UserError, match="raise --memory or --spill"):
        list(query.run(LARGE, root, limits=limits.Limits(memory=memory, spill=spill)).rows())


@pytest.mark.parametrize("words", [("--memory", "much"), ("--spill", "50%"), ("--memory", "0GB")])
def test_a_size_that_is_none(
    root: Path, words: tuple[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    done = CliRunner().invoke(app, ["sql", "select 1", *words])
    assert isinstance(done.exception, UserError)
    assert "expected a size such as 4GB" in str(done.exception)


def test_the_default_of_the_disk_leaves_half_of_it(tmp_path: Path) -> None:
    assert limits.Limits(spill="5GB").spill_in(tmp_path) == "5GB"
    assert int(limits.Limits().spill_in(tmp_path).removesuffix("MB")) <= 10_000


def test_what_a_killed_query_left_is_named_and_goes(root: Path) -> None:
    scratch = root / ".dvc" / "tmp" / "ispy1"
    scratch.mkdir(parents=True, exist_ok=True)
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    dead = [scratch / f"duckdb_temp_{child.pid}_0_owner", scratch / "duckdb_temp_storage-0.tmp"]
    living = scratch / f"duckdb_temp_{os.getpid()}_0_owner"
    for path in (*dead, living):
        path.touch()
    named = {problem.path for problem in _list_strays(Tracked(root))}
    assert {path.name for path in dead} <= {Path(path).name for path in named}
    assert living.name not in {Path(path).name for path in named}
    list(query.run("select 1", root).rows())
    assert ([path.exists() for path in dead], living.exists()) == ([False, False], True)
    living.unlink()


def test_a_name_of_a_column_moves_no_terminal(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(root)
    wide = ["a" * 30, "b\x1b[2J\x9b" + "b" * 30]
    text = "".join(lay_out(wide, [("x" * 30, "y")] * 40, 40).lines())
    text += "".join(format_table(wide, [(escape("\x1b]0;t\x07"), "1")]))
    CliRunner().invoke(app, ["sql", 'explain select 1 as "\x1b[31m" from masks'])
    text += capsys.readouterr().out
    assert not {"\x1b", "\x9b", "\x07"} & set(text)


def test_an_error_that_quotes_a_cell_moves_no_terminal(root: Path) -> None:
    done = subprocess.run(
        [*CLI, "select 'x\x1b[2Jy'::int"], cwd=root, capture_output=True, text=True, check=False
    )
    assert (done.returncode, "\x1b" in done.stderr) == (2, False)
