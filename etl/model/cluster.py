"""Work on a Dask cluster; etl.model.pool asks for it, and nobody else.

Every item is sent to a worker that this module chose: so it knows whose death may be whose fault,
whatever number of failures the scheduler allows. Nothing is sent to a worker that was not checked.
"""

from __future__ import annotations

import logging
import pickle
import threading
import time
import uuid
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

from distributed import Client, Future, KilledWorker

from etl.model.errors import UserError
from etl.model.pool import SCHEDULER, Cluster

Item = TypeVar("Item")
Result = TypeVar("Result")

CONNECT_S = 10.0
ANSWER_S = 10.0
LOOK_S = 0.5  # so often it is asked which workers there are
PATIENCE_S = 10.0  # so long nothing is said where nobody works
AHEAD = 2  # items that a worker has at once: one that it works on, one that waits there
LIVES = 2  # a worker may be ended by others; twice by one item is the item's fault
_ONE_AT_A_TIME = threading.Lock()  # of a worker, whatever number of threads it has


@dataclass(eq=False, slots=True)
class _Job(Generic[Item]):
    """An item, and how many workers may still die of it."""

    item: Item
    lives: int = LIVES


@dataclass(eq=False, slots=True)
class _Flight(Generic[Item]):
    """A job at a worker; without a job, the check of that worker."""

    address: str
    future: Future[Any]
    job: _Job[Item] | None


class _Call:
    """A call that is made where it is unpickled: a scheduler needs no code of this project."""

    def __init__(self, work: Callable[..., object], *arguments: object) -> None:
        self.call = (work, *arguments)

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return _call_alone, self.call


def _call_alone(work: Callable[..., object], *arguments: object) -> bytes:
    """Return the result in bytes: else what is left of it would hold the message that it was in."""
    with _ONE_AT_A_TIME:
        try:
            return pickle.dumps(work(*arguments))
        except UserError:
            raise
        except Exception as error:  # noqa: BLE001  it may hold what cannot travel: then none hears
            fault = f"{type(error).__name__}: {error}"
    raise RuntimeError(fault)


def work_through(
    cluster: Cluster,
    work: Callable[[Item], Result],
    items: Sequence[Item],
    check: Callable[[], str],
    split: Callable[[Item], Sequence[Item]],
    died: Callable[[Item], Result],
) -> Iterator[tuple[Item, Result]]:
    """Yield items with `work` of each as they are done: as etl.model.pool.spread_over()."""
    with _connect(cluster.address) as client:
        cluster.say(f"{cluster.address}: its dashboard is {client.dashboard_link}")
        crew: _Crew[Item, Result] = _Crew(client, cluster, work, check)
        crew.waiting.extend(_Job(item) for item in items)
        try:
            while crew.is_busy:
                crew.look()
                crew.assign()
                yield from crew.take()
                yield from _give_up(crew, split, died)
        finally:
            crew.cancel()


def _give_up(
    crew: _Crew[Item, Result],
    split: Callable[[Item], Sequence[Item]],
    died: Callable[[Item], Result],
) -> Iterator[tuple[Item, Result]]:
    """Take items apart that killed their workers; yield those that have no parts."""
    while crew.deadly:
        item = crew.deadly.pop()
        parts = split(item)
        if len(parts) > 1:
            crew.suspects.extend(_Job(part, lives=1) for part in parts)
        else:
            yield item, died(item)


@contextmanager
def _connect(address: str) -> Iterator[Client]:
    """Yield a client of a scheduler; what goes wrong there later is a sentence, too."""
    for name in ("distributed", "distributed.client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", "Mismatched versions")  # check() says what matters
    try:
        client = Client(address, timeout=CONNECT_S, set_as_default=False, name="ispy1")
    except (OSError, ValueError, TypeError, ImportError) as error:
        message = (
            f"{address}: no Dask scheduler answers there ({error}). Start one with `dask "
            f"scheduler`, or build without --scheduler and {SCHEDULER}."
        )
        raise UserError(message) from error
    try:
        yield client
    finally:
        with suppress(OSError, TimeoutError):
            client.close(timeout=CONNECT_S)


class _Crew(Generic[Item, Result]):
    """The workers of a cluster, and what each has to do."""

    def __init__(
        self,
        client: Client,
        cluster: Cluster,
        work: Callable[[Item], Result],
        check: Callable[[], str],
    ) -> None:
        """Know no worker yet."""
        self.waiting: deque[_Job[Item]] = deque()
        self.suspects: deque[_Job[Item]] = deque()  # tried last, each alone at its worker
        self.deadly: list[Item] = []
        self._client, self._cluster, self._work, self._check = client, cluster, work, check
        self._present: set[str] = set()  # checked or not, fit or not
        self._loads: dict[str, int] = {}  # of those that are fit
        self._flights: list[_Flight[Item]] = []
        self._reports: SimpleQueue[_Flight[Item]] = SimpleQueue()
        self._looked = 0.0
        self._lonely_since: float | None = time.monotonic()

    @property
    def is_busy(self) -> bool:
        """Whether an item is not done yet."""
        return bool(self.waiting or self.suspects or any(flight.job for flight in self._flights))

    def look(self) -> None:
        """See who came and who went."""
        if time.monotonic() - self._looked < LOOK_S:
            return
        threads = self._ask(self._client.nthreads)
        for address in self._present - threads.keys():
            self._lose(address)
        for address in threads.keys() - self._present:
            self._present.add(address)
            self._send(address, None)
            if threads[address] > 1:
                self._cluster.say(
                    f"{address} has {threads[address]} threads and works on a case at a time: "
                    "start `dask worker` with --nthreads 1, and --nworkers for more processes"
                )
        self._looked = time.monotonic()
        self._mind_loneliness()

    def _mind_loneliness(self) -> None:
        """Say once that nobody works; it may be that they come later."""
        if self._loads:
            self._lonely_since = None
        elif self._lonely_since is None:
            self._lonely_since = time.monotonic()
        elif time.monotonic() - self._lonely_since > PATIENCE_S:
            self._lonely_since = float("inf")
            self._cluster.say(
                f"{self._cluster.address} has no worker for this build: waiting for one. Start it "
                f"with `dask worker {self._cluster.address} --nthreads 1`; Ctrl-C ends this."
            )

    def assign(self) -> None:
        """Send what waits, so that every worker has enough to do and no more."""
        while self.waiting and (address := self._find_free(AHEAD)):
            self._send(address, self.waiting.popleft())
        while not self.waiting and self.suspects and (address := self._find_free(1)):
            self._send(address, self.suspects.popleft())

    def _find_free(self, most: int) -> str:
        address = min(self._loads, key=self._loads.__getitem__, default="")
        return address if address and self._loads[address] < most else ""

    def _send(self, address: str, job: _Job[Item] | None) -> None:
        call = _Call(self._check) if job is None else _Call(self._work, job.item)
        future = self._ask(
            self._client.submit,
            pickle.loads,  # see _Call
            pickle.dumps(call),
            key=f"ispy1-{uuid.uuid4().hex}",
            workers=[address],
            allow_other_workers=False,
            pure=False,
        )
        flight = _Flight(address, future, job)
        self._flights.append(flight)
        if job:
            self._loads[address] += 1
        future.add_done_callback(lambda _: self._reports.put(flight))

    def take(self) -> Iterator[tuple[Item, Result]]:
        """Yield what was done; wait a little where nothing was."""
        with suppress(Empty):
            flight = self._reports.get(timeout=LOOK_S)
            if flight in self._flights:
                yield from self._land(flight)

    def _land(self, flight: _Flight[Item]) -> Iterator[tuple[Item, Result]]:
        if flight.future.status not in ("finished", "error"):
            self._send_again(flight)
            return
        try:
            error = flight.future.exception(timeout=ANSWER_S)
            packed = b"" if error else flight.future.result(timeout=ANSWER_S)
        except (OSError, TimeoutError, CancelledError):  # lost on its way: look() will see why
            self._looked = 0.0
            self._reports.put(flight)
            return
        self._remove(flight)
        if flight.job is None:
            self._admit(flight.address, error or pickle.loads(packed))  # noqa: S301  our own
        elif isinstance(error, KilledWorker):  # its address was another's before one looked
            self._suspect(flight.job)
        elif isinstance(error, UserError):
            raise error
        elif error:
            message = f"{flight.address}: {error}"
            raise RuntimeError(message) from error
        else:
            yield flight.job.item, pickle.loads(packed)  # noqa: S301  of a worker of ours

    def _send_again(self, flight: _Flight[Item]) -> None:
        """Do anew what was cancelled: by another, or with a connection that was cut."""
        self._remove(flight)
        self._looked = 0.0
        if flight.job:
            self.waiting.append(flight.job)
        else:
            self._present.discard(flight.address)

    def _admit(self, address: str, fault: str | BaseException) -> None:
        """Let a worker that was checked have work, or say why not."""
        if isinstance(fault, BaseException):
            fault = f"cannot run this version of ispy1 ({fault})"
        if fault:
            self._cluster.say(f"{address} gets no work: it {fault}")
        elif address in self._present:
            self._loads[address] = 0
            self._cluster.show(len(self._loads))

    def _remove(self, flight: _Flight[Item]) -> None:
        self._flights.remove(flight)
        if flight.job and flight.address in self._loads:
            self._loads[flight.address] -= 1

    def _lose(self, address: str) -> None:
        """Give what a worker had to others; where it was killed, it may be the fault of that."""
        was_sent_home = self._was_sent_home(address)
        self._present.discard(address)
        if self._loads.pop(address, None) is not None:
            self._cluster.show(len(self._loads))
        for flight in [flight for flight in self._flights if flight.address == address]:
            self._remove(flight)
            flight.future.cancel()
            if flight.job and was_sent_home:
                self.waiting.append(flight.job)
            elif flight.job:
                self._suspect(flight.job)

    def _was_sent_home(self, address: str) -> bool:
        """Return whether a worker was ended in order, as at the end of its time in a queue."""
        events = self._ask(self._client.get_events, address)
        ends = [event for _, event in events if event.get("action") == "remove-worker"]
        return bool(ends and ends[-1].get("expected"))

    def _suspect(self, job: _Job[Item]) -> None:
        job.lives -= 1
        if job.lives:
            self.suspects.append(job)
        else:
            self.deadly.append(job.item)

    def _ask(self, question: Callable[..., Any], *words: object, **options: object) -> Any:  # noqa: ANN401
        """Return what the scheduler says.

        Raises:
            UserError: nothing: it is gone.
        """
        try:
            return question(*words, **options)
        except Exception as error:
            message = (
                f"{self._cluster.address}: the scheduler does not answer any more ({error}). What "
                "was measured is kept; start it, and run the build again."
            )
            raise UserError(message) from error

    def cancel(self) -> None:
        """Drop what was not done; what a worker has begun ends there, and is read by nobody."""
        with suppress(Exception):
            self._client.cancel([flight.future for flight in self._flights])
