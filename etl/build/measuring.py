"""The pass: a worker takes a case, reads each of its blobs once, and measures all that is stale."""

from __future__ import annotations

import socket
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from etl.build.admission import describe_builder, find_fault, list_samples
from etl.build.finite import drop_nonfinite
from etl.build.index import import_table, list_tables, read_params_of
from etl.build.parts import make_part, stage_part
from etl.model.digests import compute_md5, read_stamp
from etl.model.errors import BadInputError, UserError
from etl.model.findings import Finding, make_finding
from etl.model.pool import Cluster, run_alone, spread, spread_over
from etl.model.release import MARKS
from etl.model.schema import Table
from etl.model.store import convert_to_arrow
from etl.read.volumes import VOLUMES
from etl.tables.unit import Blob, Context, Measured, Unit, Values

if TYPE_CHECKING:
    from etl.model.address import Folder

# Tables import these where they first need them: most commands only ask what tables declare, and
# the first module of SciPy costs a quarter of a second. Loaded before workers start, they are
# shared: each worker takes 75 MB less.
SLOW_IMPORTS = ("etl.measure.ibsi", "SimpleITK", "scipy.spatial.distance", "skimage.measure")


Stamp = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Task:
    """What a worker does at once: units of one case, or of the release, each with its table.

    `stamps`: path -> time, size and inode of a blob where the build runs, for workers elsewhere.
    """

    units: tuple[tuple[str, Unit], ...]
    stamps: Mapping[str, Stamp] = field(default_factory=dict)

    @property
    def is_of_case(self) -> bool:
        """Whether the units are of a case."""
        return import_table(self.units[0][0]).TABLE.per in ("blob", "case")

    @property
    def case_id(self) -> str:
        """The case, or nothing of a task of the release."""
        return str(self.units[0][1][0].name.case_id) if self.is_of_case else ""


def make_tasks(units: Sequence[tuple[str, Unit]]) -> list[Task]:
    """Return one task per case, in order; the workbooks are one of their own, and come first."""
    by_case: dict[str, list[tuple[str, Unit]]] = {}
    for pair in units:
        by_case.setdefault(Task((pair,)).case_id, []).append(pair)
    return [Task(tuple(by_case[case_id])) for case_id in sorted(by_case)]


def measure_tasks(
    context: Context, tasks: Sequence[Task], workers: int | Cluster
) -> Generator[tuple[Task, list[Values]], None, None]:
    """Measure tasks over processes or a cluster; yield each with the values of its units.

    A unit that cannot be measured is a finding, and so is one that kills its worker twice. A
    cluster yields tasks as they are done, and one that killed its worker twice unit by unit.
    """
    lean = replace(context, blobs=())  # workers get the blobs of each unit
    if isinstance(workers, Cluster):
        measured = _measure_far(lean, tasks, workers)
    else:
        measured = zip(tasks, _measure_here(lean, tasks, workers), strict=True)
    for task, values in measured:
        for part in [value.part for value in values if value.part]:
            stage_part(context.root, part)
        yield task, [replace(value, part=b"") for value in values]


def _measure_here(context: Context, tasks: Sequence[Task], workers: int) -> Iterator[list[Values]]:
    died = partial(_measure_one_by_one, context)
    tables = [f"etl.tables.{name}" for name in list_tables()]
    preload = ["nibabel", *tables, *SLOW_IMPORTS]
    yield from spread(partial(measure_task, context), tasks, workers, died, preload)


def _measure_far(
    context: Context, tasks: Sequence[Task], cluster: Cluster
) -> Iterator[tuple[Task, list[Values]]]:
    if not tasks:
        return
    params = [read_params_of(context.root, name) for name in list_tables()]
    far = replace(context, params={k: v for values in params for k, v in values.items()})
    samples = list_samples([unit for task in tasks if task.is_of_case for _, unit in task.units])
    check = partial(find_fault, describe_builder(context), far, samples)
    work = partial(_measure_verified, far)
    stamped = [replace(task, stamps=_stamp_blobs(context.release, task)) for task in tasks]
    yield from spread_over(cluster, work, stamped, check, _split, _report_dead_workers)


def _measure_verified(context: Context, task: Task) -> list[Values]:
    """Measure on another machine: what it sees under a path may not be what the index says.

    An object of a store is checked where it is read.

    Raises:
        UserError: it is not. Values must never be filed under the hash of other bytes.
    """
    if not isinstance(context.release, Path):
        return measure_task(context, task)
    blobs = _list_opened(task)
    differing = [b.path for b in blobs if not _is_here(context.release, b, task.stamps)]
    if differing:
        message = (
            f"{context.release / min(differing)} is not on {socket.gethostname()} what it is here: "
            "it changed, or that worker sees another release. Run `ispy1 repro` again."
        )
        raise UserError(message)
    return measure_task(context, task)


def _list_opened(task: Task) -> set[Blob]:
    """Return the blobs that a task opens: one of the release takes images by their names."""
    blobs = {blob for _, unit in task.units for blob in unit if blob.md5 not in MARKS}
    volumes = () if task.is_of_case else ("image_", "mask")
    return {blob for blob in blobs if not blob.name.artefact.startswith(volumes)}


def _stamp_blobs(release: Folder, task: Task) -> dict[str, Stamp]:
    stamps: dict[str, Stamp] = {}
    if not isinstance(release, Path):
        return stamps
    for blob in _list_opened(task):
        with suppress(OSError):  # a worker will say so
            stamps[blob.path] = read_stamp(release / blob.path)
    return stamps


def _is_here(release: Path, blob: Blob, stamps: Mapping[str, Stamp]) -> bool:
    """Return whether a folder holds a blob as it was indexed: a file that is shared, or a copy."""
    path = release / blob.path
    try:
        return read_stamp(path) == stamps.get(blob.path) or compute_md5(path) == blob.md5
    except OSError:
        return False


def _split(task: Task) -> list[Task]:
    return [replace(task, units=(pair,)) for pair in task.units]


def measure_task(context: Context, task: Task) -> list[Values]:
    """Measure the units of a task in this process."""
    try:
        return [measure_unit(name, context, unit) for name, unit in task.units]
    finally:
        VOLUMES.forget()


def _measure_one_by_one(context: Context, task: Task) -> list[Values]:
    """Measure each unit in a worker of its own, so that only the one at fault is lost."""
    alone = _split(task)
    if len(alone) == 1:
        return _report_dead_workers(task)
    work = partial(measure_task, context)
    return [values for one in alone for values in run_alone(work, one, _report_dead_workers)]


def _report_dead_workers(task: Task) -> list[Values]:
    return [_report_dead_worker(name, unit) for name, unit in task.units]


def measure_unit(name: str, context: Context, unit: Unit) -> Values:
    """Measure one unit of the table `name`, in this process."""
    module = import_table(name)
    table = module.TABLE
    if table.per == "release":
        context = replace(context, blobs=unit)
    try:
        with np.errstate(over="ignore", invalid="ignore"):  # it becomes a finding
            measured = module.measure(unit, context)
    except BadInputError as error:
        measured = Measured([], [make_finding(name, error)])
    except MemoryError:
        return _report_dead_worker(name, unit)
    return make_values(table, measured)


def make_values(table: Table, measured: Measured) -> Values:
    """Return what was measured as columns; what arithmetic cannot hold is null, and a finding."""
    part = b""
    if measured.part is not None:
        part, facts = make_part(table.parts, measured.part)
        (row,) = measured.rows
        row |= facts
    rows = convert_to_arrow(table, measured.rows, without=table.assembled)
    finite, findings = drop_nonfinite(table, rows)
    return Values(finite, [*measured.findings, *findings], part)


def _report_dead_worker(name: str, unit: Unit) -> Values:
    finding = Finding(
        table=name,
        severity="critical",
        check="measuring_failed",
        observed=f"the worker was ended while it read {len(unit)} file(s)",
        expected="a file that fits into memory",
        likely_cause="not enough memory, or a fault in a library",
        fix="Run again with ISPY1_WORKERS=1; if it stays, check the file.",
    )
    return make_values(import_table(name).TABLE, Measured([], [finding]))
