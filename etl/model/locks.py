"""Locks between processes: one works, the others wait and say for whom."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import SoftFileLock, Timeout

from etl.model.errors import UserError

PATIENCE_S = 1.0  # so long a process waits without a word
POLL_S = 0.05


@contextmanager
def hold_lock(path: Path, work: str, say: Callable[[str], None]) -> Iterator[int | None]:
    """Hold a lock file; a second process waits until the first is done, and says for whom.

    Args:
        path: the lock file. It holds the number of the process that works.
        work: what the holder does, such as `builds this table`.
        say: told once, after a second, for whom this process waits.

    Yields:
        The descriptor that holds the lock, as long as it or an inherited copy is open; None on a
        mount without flock (some of NFS), where a second file stands for the lock. That file tells
        host and process, so that what a killed process left is found and removed.

    Raises:
        UserError: the lock file cannot be made.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        message = f"{path.parent}: cannot be written ({error.strerror}). Check rights and space."
        raise UserError(message) from error
    try:
        if _wait_for_flock(handle, path.stem, work, say):
            os.truncate(handle, 0)
            os.pwrite(handle, str(os.getpid()).encode(), 0)
            yield handle
        else:
            with _hold_file(path.with_suffix(".held"), work, say):
                yield None
    finally:
        os.close(handle)


def lock_handle(handle: int, *, wait: bool) -> bool:
    """Lock an open file; return False where its mount has no flock.

    Raises:
        BlockingIOError: another process holds it, and we do not wait.
    """
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        raise
    except OSError:  # "Bad file descriptor", "No locks available", "not supported": not this mount
        return False
    return True


def _wait_for_flock(handle: int, name: str, work: str, say: Callable[[str], None]) -> bool:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        try:
            return lock_handle(handle, wait=False)
        except BlockingIOError:
            time.sleep(POLL_S)
    holder = os.pread(handle, 20, 0).decode(errors="replace") or "another"
    say(f"{name}: waiting for process {holder}, which {work}")
    return lock_handle(handle, wait=True)


@contextmanager
def _hold_file(path: Path, work: str, say: Callable[[str], None]) -> Iterator[None]:
    lock = SoftFileLock(path, poll_interval=POLL_S)
    try:
        lock.acquire(timeout=PATIENCE_S)
    except Timeout:
        say(f"{path.stem}: waiting for process {lock.pid or 'another'}, which {work}")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
