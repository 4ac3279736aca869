"""A progress bar on a terminal after a second, nothing in a pipe."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, Task


SILENT_S = 1.0  # what ends before has no bar


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar that is called with (done, total) to move, and may get another title."""

    move: Callable[[int, int], None] = lambda _done, _total: None
    rename: Callable[[str], None] = lambda _title: None

    def __call__(self, done: int, total: int) -> None:
        """Move the bar."""
        self.move(done, total)


@contextmanager
def progress_bar(title: str, *, is_bytes: bool = False) -> Iterator[Bar]:
    """Yield what moves the bar: how much, how fast, time left; unmoved, it shows the time."""
    if not sys.stderr.isatty():
        yield Bar()
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        ProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )
    from rich.text import Text

    class CountColumn(ProgressColumn):
        """So many of all, and so many a second, when there is something to count."""

        def render(self, task: Task) -> Text:
            """Return counts and rate."""
            counts = "" if task.total is None else f"{task.completed:.0f}/{task.total:.0f}"
            return Text(f"{counts} {task.speed:.1f}/s" if task.speed else counts)

    class LeftColumn(TimeRemainingColumn):
        """The time left, when there is a rate to tell it by."""

        def render(self, task: Task) -> Text:
            """Return the time and what it is."""
            return super().render(task) + " left" if task.time_remaining else Text()

    measures = (DownloadColumn(), TransferSpeedColumn()) if is_bytes else (CountColumn(),)
    columns = (
        TextColumn("{task.description}"), BarColumn(), *measures, TimeElapsedColumn(), LeftColumn()
    )  # fmt: skip
    progress = Progress(*columns, console=Console(stderr=True), transient=True)
    task = progress.add_task(title, total=None)
    with _start_late(progress):
        yield Bar(
            lambda done, total: progress.update(task, completed=done, total=total),
            lambda name: progress.update(task, description=name),
        )


@contextmanager
def _start_late(progress: Progress) -> Iterator[None]:
    timer = threading.Timer(SILENT_S, progress.start)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        if progress.live.is_started:
            progress.stop()
