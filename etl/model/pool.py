"""The only place that knows how work is spread."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import TypeVar

from etl.model.errors import UserError

Item = TypeVar("Item")
Result = TypeVar("Result")

FEW = 4  # below this many items the start of a pool costs more than it saves
SCHEDULER = "ISPY1_SCHEDULER"  # variable: the address of a cluster's scheduler


@dataclass(frozen=True, slots=True)
class Cluster:
    """A Dask cluster that works in place of processes here.

    `address`: of its scheduler. `say`: told what a person should know. `show`: told how many
    workers there are, where that changes.
    """

    address: str
    say: Callable[[str], None]
    show: Callable[[int], None]


def count_workers() -> int:
    """Return the cores that this process may use, or what ISPY1_WORKERS says.

    Raises:
        UserError: ISPY1_WORKERS is no whole number of at least 1.
    """
    asked = os.environ.get("ISPY1_WORKERS", "")
    if not asked:
        return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    if not asked.isdecimal() or int(asked) < 1:
        message = f"ISPY1_WORKERS is {asked!r}: give a whole number of at least 1."
        raise UserError(message)
    return int(asked)


def spread(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    workers: int,
    died: Callable[[Item], Result],
    preload: Sequence[str] = (),
) -> Iterator[Result]:
    """Yield `work` of every item, in order, in this process or over several.

    Args:
        work: a function that can be pickled and does not raise.
        items: what to work on.
        workers: how many processes.
        died: the result of an item whose worker was killed (out of memory, say), twice.
        preload: modules that every worker needs, imported once for all.
    """
    if workers == 1 or len(items) < FEW:
        yield from map(work, items)
        return
    done = 0
    try:
        with _start_executor(workers, preload) as pool:
            for result in pool.map(work, items):
                yield result
                done += 1
    except BrokenProcessPool:
        for item in items[done:]:
            yield run_alone(work, item, died)


def run_alone(work: Callable[[Item], Result], item: Item, died: Callable[[Item], Result]) -> Result:
    """Work on one item in a worker of its own, so that only the item at fault is lost."""
    try:
        with _start_executor(1) as pool:
            return pool.submit(work, item).result()
    except BrokenProcessPool:
        return died(item)


def spread_over(
    cluster: Cluster,
    work: Callable[[Item], Result],
    items: Sequence[Item],
    check: Callable[[], str],
    split: Callable[[Item], Sequence[Item]],
    died: Callable[[Item], Result],
) -> Iterator[tuple[Item, Result]]:
    """Yield items with `work` of each as they are done, by the workers of a cluster.

    Args:
        cluster: where.
        work: a function that can be pickled; what it raises ends all.
        items: what to work on.
        check: asked of every worker before it gets work: why it may get none, or nothing.
        split: the parts of an item that killed a worker twice. They are worked on and yielded in
            its place; each may kill one worker.
        died: the result of a part that did, and of an item that has no parts.

    Raises:
        UserError: Dask is not installed, or the scheduler does not answer.
    """
    try:
        from etl.model.cluster import work_through
    except ModuleNotFoundError as error:
        if error.name not in ("dask", "distributed"):
            raise
        message = (
            f"{cluster.address}: work on a cluster needs the package distributed. Run `pip install "
            f"distributed`, or build without --scheduler and {SCHEDULER}."
        )
        raise UserError(message) from error
    yield from work_through(cluster, work, items, check, split, died)


def _start_executor(workers: int, preload: Sequence[str] = ()) -> ProcessPoolExecutor:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(preload))
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_end_with_parent)


def _end_with_parent() -> None:
    """End with a builder that is killed: no worker goes on writing to nobody."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    # Not by PR_SET_PDEATHSIG: a worker's parent is the fork server, which lives as long as it has
    # workers. The builder's end of a pipe is closed when the builder is gone.
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
