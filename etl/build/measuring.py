"""The pass: a worker takes a case, reads each of its blobs once, and measures all that is stale."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from etl.build.finite import drop_nonfinite
from etl.build.index import import_table, list_tables
from etl.build.parts import stage_part
from etl.model.errors import BadInputError
from etl.model.findings import Finding, make_finding
from etl.model.pool import run_alone, spread
from etl.model.schema import Table
from etl.model.store import convert_to_arrow
from etl.read.volumes import VOLUMES
from etl.tables.unit import Context, Measured, Unit, Values

# Tables import these where they first need them: most commands only ask what tables declare, and
# the first module of SciPy costs a quarter of a second. Loaded before workers start, they are
# shared: each worker takes 75 MB less.
SLOW_IMPORTS = ("etl.measure.ibsi", "SimpleITK", "scipy.spatial.distance", "skimage.measure")


@dataclass(frozen=True, slots=True)
class Task:
    """What a worker does at once: units of one case, or of the release, each with its table."""

    units: tuple[tuple[str, Unit], ...]

    @property
    def is_of_case(self) -> bool:
        """Whether the units are of a case."""
        return import_table(self.units[0][0]).TABLE.per in ("blob", "case")


def make_tasks(units: Sequence[tuple[str, Unit]]) -> list[Task]:
    """Return one task per case, in order; the workbooks are one of their own, and come first."""
    by_case: dict[str, list[tuple[str, Unit]]] = {}
    for name, unit in units:
        is_of_case = import_table(name).TABLE.per in ("blob", "case")
        case_id = str(unit[0].name.case_id) if is_of_case else ""
        by_case.setdefault(case_id, []).append((name, unit))
    return [Task(tuple(by_case[case_id])) for case_id in sorted(by_case)]


def measure_tasks(
    context: Context, tasks: Sequence[Task], workers: int
) -> Iterator[tuple[Task, list[Values]]]:
    """Measure tasks over processes; yield each with the values of its units, in order.

    A unit that cannot be measured is a finding, and so is one that kills its worker twice.
    """
    lean = replace(context, blobs=())  # workers get the blobs of each unit
    died = partial(_measure_one_by_one, lean)
    tables = [f"etl.tables.{name}" for name in list_tables()]
    preload = ["nibabel", *tables, *SLOW_IMPORTS]
    measured = spread(partial(measure_task, lean), tasks, workers, died, preload)
    yield from zip(tasks, measured, strict=True)


def measure_task(context: Context, task: Task) -> list[Values]:
    """Measure the units of a task in this process."""
    try:
        return [measure_unit(name, context, unit) for name, unit in task.units]
    finally:
        VOLUMES.forget()


def _measure_one_by_one(context: Context, task: Task) -> list[Values]:
    """Measure each unit in a worker of its own, so that only the one at fault is lost."""

    def died(lost: Task) -> list[Values]:
        return [_report_dead_worker(name, unit) for name, unit in lost.units]

    alone = [Task((pair,)) for pair in task.units]
    if len(alone) == 1:
        return died(task)
    work = partial(measure_task, context)
    return [values for one in alone for values in run_alone(work, one, died)]


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
    if measured.part is not None:
        (row,) = measured.rows
        row |= stage_part(context.root, table.parts, measured.part)
    return make_values(table, measured)


def make_values(table: Table, measured: Measured) -> Values:
    """Return what was measured as columns; what arithmetic cannot hold is null, and a finding."""
    rows = convert_to_arrow(table, measured.rows, without=table.assembled)
    finite, findings = drop_nonfinite(table, rows)
    return Values(finite, [*measured.findings, *findings])


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
