"""A Dask cluster on this machine: a scheduler and workers, each a process of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from support import ROOT

HOST = ("--host", "127.0.0.1")
START_S = 60


class Process(Protocol):
    """A process of a cluster."""

    @property
    def pid(self) -> int:
        """Its number."""

    def send_signal(self, sig: int) -> None:
        """Send it a signal."""

    def wait(self) -> int:
        """Wait until it has ended."""


class Forks:
    """A process that has imported Dask: to start another from it takes no two seconds."""

    def __init__(self) -> None:
        """Start it."""
        self.server = subprocess.Popen(
            [sys.executable, "-m", "engines.dask_forks"], env=_make_environment(ROOT), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def ask(self, question: object) -> int:
        """Give it a line of input; return its answer."""
        assert self.server.stdin is not None
        assert self.server.stdout is not None
        print(json.dumps(question), file=self.server.stdin, flush=True)
        return int(self.server.stdout.readline())

    def fork(self, module: str, words: Sequence[str], log: Path) -> Process:
        """Start a program of Dask."""
        log.touch()
        return Fork(self, self.ask([module, words, str(log.parent), str(log)]))

    def end(self) -> None:
        """End it."""
        self.server.communicate()


@dataclass(frozen=True)
class Fork:
    """A process of its own that was forked."""

    forks: Forks
    pid: int

    def send_signal(self, sig: int) -> None:
        """Send it a signal."""
        os.kill(self.pid, sig)

    def wait(self) -> int:
        """Wait until it has ended."""
        return self.forks.ask(self.pid)


def _make_environment(package: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join((str(package), str(ROOT / "tests")))}


class Local:
    """The processes of a cluster, and what they say."""

    def __init__(self, folder: Path, forks: Forks | None = None) -> None:
        """Start a scheduler, as a fork where there are some."""
        self.folder, self.forks, self.processes = folder, forks, dict[str, Process]()
        self.bare = folder / "bare"  # where etl is another package: a scheduler needs none
        (self.bare / "etl").mkdir(parents=True)
        (self.bare / "etl/__init__.py").touch()
        words = ("--port", "0", "--no-dashboard")
        package = self.bare if forks is None else ROOT
        self._start("scheduler", "dask_scheduler", *HOST, *words, package=package)
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
        path = self.folder / f"{name}.log"
        if self.forks is not None and package == ROOT:
            self.processes[name] = self.forks.fork(module, words, path)
            return
        with path.open("wb") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.{module}", *words],
                cwd=self.folder,
                env=_make_environment(package),
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
            process.wait()


@contextmanager
def start_cluster(folder: Path, *workers: str, forks: Forks | None = None) -> Iterator[Local]:
    """Yield a cluster with some workers."""
    cluster = Local(folder, forks)
    try:
        for name in workers:
            cluster.add_worker(name)
        yield cluster
    finally:
        cluster.end()
