"""Limits of a query: time, memory and disk; Ctrl-C ends it at once; what a killed one left."""

from __future__ import annotations

import os
import re
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread, current_thread, main_thread
from typing import TYPE_CHECKING, TypeVar

from etl.model.errors import UserError

if TYPE_CHECKING:
    import duckdb

GRACE = 7  # tenths of a second for an interrupted query to end
SECONDS, MEMORY, SPILL_GB = 600, "50%", 10
_LEFT = re.compile(r"duckdb_temp_((\d+)_)?.*")
_T = TypeVar("_T")
_unended: list[Event] = []


@dataclass(frozen=True, slots=True)
class Limits:
    """What one query may take: seconds of the database's work, memory, and disk (None: by rule).

    Sizes are as DuckDB reads them: `4GB`, `500MB`; of memory also a share, `50%`.
    """

    seconds: float = SECONDS
    memory: str = MEMORY
    spill: str | None = None

    def spill_in(self, folder: Path) -> str:
        """Return the size of the spill: what was asked for, else at most half of the free disk."""
        free = shutil.disk_usage(folder).free if folder.is_dir() else 0
        return self.spill or f"{min(SPILL_GB * 1000, free // 2_000_000)}MB"


@dataclass(slots=True)
class Budget:
    """The seconds of one query, and how many are used up."""

    seconds: float = SECONDS
    used: float = 0


def interruptible(
    connection: duckdb.DuckDBPyConnection, work: Callable[[], _T], budget: Budget | None = None
) -> _T:
    """Do work of a connection so that Ctrl-C, or the end of its time, ends it at once.

    DuckDB looks for a signal between its tasks only, one of which may take hours: so the work is
    done beside the main thread, which alone receives signals. Where DuckDB does not listen to an
    interrupt either (inside a regular expression), the work is left alone: see is_stuck().

    Raises:
        KeyboardInterrupt: the work was interrupted.
        UserError: the time is over.
    """
    done: list[_T] = []
    failed: list[BaseException] = []
    ended = Event()  # an interrupted Thread.join() takes the thread for ended
    budget = budget or Budget()

    def try_work() -> None:
        try:
            done.append(work())
        except BaseException as error:  # noqa: BLE001  it is raised below
            failed.append(error)
        ended.set()

    started = time.monotonic()
    Thread(target=try_work, daemon=True).start()
    try:
        in_time = ended.wait(max(budget.seconds - budget.used, 0))
    except KeyboardInterrupt:
        end_work(connection, ended)
        raise
    budget.used += time.monotonic() - started
    if not in_time:
        end_work(connection, ended)
        message = f"Query: not done in {budget.seconds:g} s. Ask for less, or raise --timeout."
        raise UserError(message)
    if failed:
        raise failed[0]
    return done[0]


def is_stuck() -> bool:
    """Tell whether work goes on that no interrupt ended: only the end of the process does."""
    return any(not ended.is_set() for ended in _unended)


def end_work(connection: duckdb.DuckDBPyConnection, ended: Event) -> None:
    """Interrupt work of a connection until it has ended; what does not listen is left alone."""
    with _ignore_interrupts():
        for _ in range(GRACE):  # an interrupt before the query has begun is lost
            connection.interrupt()
            if ended.wait(0.1):
                return
    _unended.append(ended)


@contextmanager
def _ignore_interrupts() -> Iterator[None]:
    """Ignore further Ctrl-C: they are of no use and must not stop the first."""
    if current_thread() is not main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def find_left_spill(folder: Path) -> list[Path]:
    """Return DuckDB's temporary files in a folder whose process is gone."""
    if not folder.is_dir():
        return []
    named = [(path, _LEFT.fullmatch(path.name)) for path in sorted(folder.iterdir())]
    return [path for path, match in named if match and not _is_alive(match[2])]


def remove_left_spill(folder: Path) -> None:
    """Remove what killed queries left on disk; one that may not be written is left alone."""
    with suppress(OSError):
        for path in find_left_spill(folder):
            path.unlink(missing_ok=True)


def _is_alive(pid: str | None) -> bool:
    """Return whether a process has this number; older DuckDB names none."""
    if pid is None:
        return False
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # another user's
        return True
    return True
