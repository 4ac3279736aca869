"""The largest memory of a command's workers, asked of /proc while it runs (nothing elsewhere)."""

from __future__ import annotations

import re
import threading
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

_PROC = Path("/proc")
_EVERY_S = 0.2  # a worker's peak stays readable until it ends, which is after its last case
_PEAK = re.compile(r"^VmHWM:\s+([0-9]+) kB$", re.MULTILINE)


class Watch(threading.Thread):
    """Look at the workers below a process until `stop`; `peak_mib` is NaN where none was seen."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.peak_mib = float("nan")
        self._pid = pid
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(_EVERY_S):
            # max() keeps a NaN only where it is first
            self.peak_mib = max([*list_peaks_mib(self._pid), self.peak_mib])

    def stop(self) -> None:
        self._over.set()
        self.join()


def list_peaks_mib(root: int) -> list[float]:
    """Return the largest memory that each worker below a process has had."""
    return [_read_peak_mib(worker) for worker in _list_workers(root)]


def _list_workers(root: int) -> Iterator[int]:
    """Yield the children of the fork servers below a process."""
    children = _group_by_parent()
    pending = [root]
    while pending:
        parent = pending.pop()
        pending += children[parent]
        if b"multiprocessing.forkserver" in _read(parent, "cmdline"):
            yield from children[parent]


def _group_by_parent() -> dict[int, list[int]]:
    """Return the processes of this machine by parent."""
    children: dict[int, list[int]] = defaultdict(list)
    for folder in _PROC.glob("[0-9]*"):
        fields = _read(int(folder.name), "stat").rpartition(b")")[2].split()
        if fields:
            children[int(fields[1])].append(int(folder.name))
    return children


def _read_peak_mib(pid: int) -> float:
    match = _PEAK.search(_read(pid, "status").decode())
    return int(match[1]) / 1024 if match else 0.0


def _read(pid: int, name: str) -> bytes:
    try:
        return (_PROC / str(pid) / name).read_bytes()
    except OSError:  # it ended
        return b""
