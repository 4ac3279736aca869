"""Output that cannot be written and terminals of another encoding: a sentence each."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from etl.warehouse import connect, snapshot

MAIN = (sys.executable, "-c", "from etl.cli import main; main()")


def run(words: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = f'exec "$0" "$@" {words}'
    return subprocess.run(
        ["/bin/sh", "-c", command, *MAIN],
        env={**os.environ, **(env or {})}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_full_device_is_one_sentence() -> None:
    done = run("--help >/dev/full")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_a_closed_output_is_no_traceback() -> None:
    assert "Traceback" not in run("--help >&-").stderr


def test_a_terminal_of_latin_letters_gets_replaced_characters() -> None:
    done = run("--help", {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"})
    assert (done.returncode, done.stderr) == (0, "")


def test_the_catalog_of_a_full_disk_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = snapshot.Snapshot({}, {}, {})
    monkeypatch.setattr(Path, "mkdir", lambda *_a, **_k: (tmp_path / "file").write_text(""))
    with duckdb.connect() as connection:
        connect.fill(connection, made, cache=tmp_path / "no" / "folder")
        assert connection.execute("select 1").fetchone() == (1,)
