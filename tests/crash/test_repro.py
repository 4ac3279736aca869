"""`ispy1 repro` after a kill or a full disk, and two at once."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from crash.test_killed import environment
from etl.ask.fsck import fsck
from etl.model import locks
from etl.model.locks import hold_lock
from etl.model.project import REPRO_PROCESS
from etl.model.store import build_lock, scratch_folder
from etl.versions import repro
from etl.versions.rwlock import RWLOCK, has_damaged_lock, remove_damaged_lock

CLI = [sys.executable, "-c", "from etl.cli import main; main()"]


# dvc 7615
@pytest.mark.parametrize("content", [b"", b'{"write": {"data/tab', b"null", b"\xff"])
def test_a_lock_file_that_was_cut_short_is_named_and_mended(built: Path, content: bytes) -> None:
    path = built / RWLOCK
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    assert has_damaged_lock(built)
    (problem,) = (p for p in fsck(built, quick=True).problems if p.path == RWLOCK)
    assert problem.repair == "ispy1 repro"
    assert remove_damaged_lock(built)
    assert not path.exists()
    assert not has_damaged_lock(built)


def test_a_sound_lock_file_and_one_that_is_being_written_stay(project: Path) -> None:
    path = project / RWLOCK
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('{"read": {}}')
    assert not remove_damaged_lock(project)
    path.write_text("")
    code = (
        "import sys; from dvc.lock import make_lock\n"
        "with make_lock(sys.argv[1] + '.lock'): print(flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        assert not remove_damaged_lock(project)
        writer.kill()
    assert path.exists()
    assert remove_damaged_lock(project)


def test_the_next_build_waits_for_the_dvc_of_a_killed_one(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DVC inherits the lock: it is held until both have ended."""
    monkeypatch.setattr(locks, "PATIENCE_S", 0.1)
    path, said = scratch_folder(project) / "repro.lock", list[str]()
    with hold_lock(path, "builds this project", said.append) as handle:
        assert handle is not None
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE,
                                 pass_fds=(handle,))  # fmt: skip
    start = time.monotonic()
    timer = subprocess.Popen(["sh", "-c", f"sleep 0.6; kill {child.pid}"])
    with hold_lock(path, "builds this project", said.append):
        assert time.monotonic() - start > 0.4
    assert said == [f"repro: waiting for process {os.getpid()}, which builds this project"]
    child.wait()
    timer.wait()


def test_repro_passes_words_lock_and_its_number(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, Any] = {}

    def run(command: list[str], **options: object) -> subprocess.CompletedProcess[bytes]:
        seen.update(options, command=command)
        return subprocess.CompletedProcess(command, 3)

    monkeypatch.setattr(subprocess, "run", run)
    path = scratch_folder(project).parent / "rwlock"
    path.write_text("")
    said: list[str] = []
    assert repro.run_repro(project, ["gate"], {"A": "b"}, said.append) == 3
    assert seen["command"][1:] == ["-m", "dvc", "repro", "gate"]
    assert seen["env"][REPRO_PROCESS] == str(os.getpid())
    assert seen["env"]["A"] == "b"
    assert len(seen["pass_fds"]) == 1
    assert said == [f"{RWLOCK}: was cut short by a killed build or a full disk; removed"]


def test_a_stage_ends_with_the_repro_that_it_works_for(rebuilt: Path) -> None:
    parent = subprocess.Popen(["sleep", "60"])
    with build_lock(rebuilt, print):  # so that the stage waits, as for a long work
        stage = subprocess.Popen(
            [*CLI, "tables", "masks"], cwd=rebuilt, stderr=subprocess.PIPE, text=True,
            env={**environment(), REPRO_PROCESS: str(parent.pid)},
        )  # fmt: skip
        assert stage.stderr is not None
        assert "waiting for process" in stage.stderr.readline()
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        assert stage.wait(timeout=20) == 130


@pytest.mark.parametrize("error", [9, 37, 95])  # EBADF, ENOLCK, EOPNOTSUPP, as NFS says
def test_a_mount_without_flock_has_another_lock(
    project: Path, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(fcntl, "flock", refuse)
    monkeypatch.setattr(locks, "PATIENCE_S", 0.1)
    held, said = scratch_folder(project) / "tables.held", list[str]()
    with build_lock(project, said.append) as handle:
        assert handle is None
        assert held.exists()
    assert not held.exists()
    killed = subprocess.Popen(["true"])  # a number that nobody has any more
    killed.wait()
    held.write_text(f"{killed.pid}\n{os.uname().nodename}\n")
    os.utime(held, (0, 0))
    with build_lock(project, said.append):
        assert held.exists()
    assert said == []
