"""Work is spread in order; a worker that dies takes only its own item with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support import ROOT

from etl.model.errors import UserError
from etl.model.pool import FEW, count_workers, spread
from model.pool_work import doubled_or_killed, lost, worker_pid


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("n", [0, 1, FEW, 9])
def test_results_come_in_order(workers: int, n: int) -> None:
    assert list(spread(doubled_or_killed, range(n), workers, lost)) == [2 * i for i in range(n)]


def test_several_processes_work_and_one_does_not() -> None:
    spread_out = {pid for _, pid in spread(worker_pid, range(8), 2, lambda n: (n, 0))}
    assert os.getpid() not in spread_out
    assert {pid for _, pid in spread(worker_pid, range(8), 1, lambda n: (n, 0))} == {os.getpid()}
    few = range(FEW - 1)
    assert {pid for _, pid in spread(worker_pid, few, 2, lambda n: (n, 0))} == {os.getpid()}


@pytest.mark.parametrize("killer", [0, 3, 5])
def test_a_killed_worker_loses_only_its_item(killer: int) -> None:
    items = [1, 2, 3, 4, 5, 6]
    items[killer] = -1
    found = list(spread(doubled_or_killed, items, 2, lost))
    assert found == [lost(n) if n < 0 else 2 * n for n in items]


def test_default_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ISPY1_WORKERS", raising=False)
    assert 1 <= count_workers() <= (os.cpu_count() or 1)
    monkeypatch.setenv("ISPY1_WORKERS", "7")
    assert count_workers() == 7
    for bad in ("0", "-1", "two", "1.5"):
        monkeypatch.setenv("ISPY1_WORKERS", bad)
        with pytest.raises(UserError, match="ISPY1_WORKERS"):
            count_workers()


@pytest.mark.skipif(sys.platform != "linux", reason="the signal at a parent's death is Linux's")
def test_workers_do_not_outlive_a_killed_builder(tmp_path: Path) -> None:
    code = (
        "import sys, time\n"
        "from etl.model.pool import _start_executor\n"
        "from model.pool_work import worker_pid\n"
        "if __name__ == '__main__':\n"
        "    pool = _start_executor(1)\n"
        "    print(pool.submit(worker_pid, 1).result()[1], flush=True)\n"
        "    time.sleep(60)\n"
    )
    script = tmp_path / "builder.py"
    script.write_text(code)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "tests")))}
    with subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, text=True, env=environment
    ) as builder:
        assert builder.stdout is not None
        worker = int(builder.stdout.readline())
        builder.kill()
    until = time.monotonic() + 10
    while _runs(worker) and time.monotonic() < until:
        time.sleep(0.05)
    outlived = _runs(worker)
    if outlived:
        os.kill(worker, signal.SIGKILL)
    assert not outlived


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
