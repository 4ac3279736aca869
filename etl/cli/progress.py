"""A progress bar on a terminal, nothing in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Task


@contextmanager
def progress_bar(title: str, *, is_bytes: bool = False) -> Iterator[Callable[[int, int], None]]:
    """Yield a function (done, total) that moves the bar: how much, how fast, time left."""
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )
    from rich.text import Text

    class RateColumn(ProgressColumn):
        """So many a second, when there is one to count by."""

        def render(self, task: Task) -> Text:
            """Return the rate."""
            return Text(f"{task.speed:.1f}/s" if task.speed else "")

    measures = (
        (DownloadColumn(), TransferSpeedColumn())
        if is_bytes
        else (MofNCompleteColumn(), RateColumn())
    )
    columns = (TextColumn("{task.description}"), BarColumn(), *measures, TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(title, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
