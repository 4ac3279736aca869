"""A Dask cluster on this machine: a scheduler and workers, each a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from support import ROOT

HOST = ("--host", "127.0.0.1")
START_S = 60


class Local:
    """The processes of a cluster, and what they say."""

    def __init__(self, folder: Path) -> None:
        """Start a scheduler."""
        self.folder, self.processes = folder, dict[str, subprocess.Popen[bytes]]()
        self.bare = folder / "bare"  # where etl is another package: a scheduler needs none
        (self.bare / "etl").mkdir(parents=True)
        (self.bare / "etl/__init__.py").touch()
        words = ("--port", "0", "--no-dashboard")
        self._start("scheduler", "dask_scheduler", *HOST, *words, package=self.bare)
        self.address = self.wait_for("scheduler", r"Scheduler at:\s+(tcp://[\d.:]+)")

    def add_worker(
        self,
        name: str,
        preload: str = "",
        package: Path = ROOT,
        *,
        nanny: bool = False,
        threads: int = 1,
    ) -> None:
        """Start a worker; `preload` is Python that it runs first, `package` where etl is."""
        options = [
            "--nthreads",
            str(threads),
            "--no-dashboard",
            "--nanny" if nanny else "--no-nanny",
        ]
        if preload:
            (self.folder / f"{name}.py").write_text(preload)
            options += ["--preload", str(self.folder / f"{name}.py")]
        self._start(name, "dask_worker", self.address, *HOST, *options, package=package)

    def _start(self, name: str, module: str, *words: str, package: Path = ROOT) -> None:
        path = os.pathsep.join((str(package), str(ROOT / "tests")))
        with (self.folder / f"{name}.log").open("wb") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.{module}", *words],
                cwd=self.folder,
                env={**os.environ, "PYTHONPATH": path},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait_for(self, name: str, pattern: str) -> str:
        """Return what a process says, as soon as it says it."""
        until = time.monotonic() + START_S
        while time.monotonic() < until:
            match = re.search(pattern, (self.folder / f"{name}.log").read_text())
            if match:
                return match[1]
            time.sleep(0.05)
        raise AssertionError((self.folder / f"{name}.log").read_text())

    def address_of(self, name: str) -> str:
        """Return the address of a worker."""
        return self.wait_for(name, r"Start worker at:\s+(tcp://[\d.:]+)")

    def end(self) -> None:
        """End what is left, with the workers of nannies."""
        for process in self.processes.values():
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=START_S)


@contextmanager
def start_cluster(folder: Path, *workers: str) -> Iterator[Local]:
    """Yield a cluster with some workers."""
    cluster = Local(folder)
    try:
        for name in workers:
            cluster.add_worker(name)
        yield cluster
    finally:
        cluster.end()
