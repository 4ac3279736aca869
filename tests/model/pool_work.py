"""Work for the pool: a worker finds it by name, and imports nothing that takes long."""

from __future__ import annotations

import os
import signal


def doubled_or_killed(number: int) -> int:
    """Twice the number; a negative one kills the worker that has it."""
    if number < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * number


def worker_pid(number: int) -> tuple[int, int]:
    """The number and the process that worked on it."""
    return number, os.getpid()


def lost(number: int) -> int:
    """What `doubled_or_killed` comes to when the worker died."""
    return number * 1000
