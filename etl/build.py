"""Make one table: units from its index, measure, assemble, write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from etl import project, versions
from etl.errors import BadInputError, UserError
from etl.findings import Finding, from_bad_input
from etl.index import TABLES, Index, read_index, table_module
from etl.known_issues import known_issues, softened
from etl.pool import default_workers, spread
from etl.profile import Profile, load_profile
from etl.recipe import recipe as recipe_of
from etl.store import read_table, table_path, write_table
from etl.tables.findings import SCHEMA as FINDINGS
from etl.unit import Blob, Context, Measured, TableModule, identified, refused

Unit = tuple[Blob, ...]
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Built:
    """What a build did."""

    table: str
    rows: int
    units: int
    findings: int


def build_table(
    root: Path, name: str, workers: int | None = None, progress: Progress | None = None
) -> Built:
    """Build one table and its findings from its index.

    Args:
        root: the project.
        name: the table.
        workers: processes; default: the cores.
        progress: called with (units done, units in all).

    Raises:
        UserError: no index, a blob that changed during the build, or a disk that refuses.
    """
    module, profile = table_module(name), load_profile(root)
    with versions.stage_lock(root, name):
        index = read_index(root, name, profile)
        context = Context(root, project.release_path(root), profile, index.blobs)
        measured = measure_units(module, context, workers or default_workers(), progress)
        if module.PER_BLOB:
            _check_unchanged(context, index)
        return _write(module, context, index, measured)


def measure_units(
    module: TableModule, context: Context, workers: int, progress: Progress | None = None
) -> list[tuple[Unit, Measured]]:
    """Measure every unit of a table; a unit that fails is a finding."""
    units = units_of(module, context.blobs)
    name = module.SCHEMA.name
    # Workers get the blobs with each unit; the whole list would be pickled once a unit.
    lean = replace(context, blobs=()) if module.PER_BLOB else context
    results = []
    for result in spread(
        partial(measure_unit, name, lean), units, workers, partial(_worker_died, name)
    ):
        results.append(result)
        if progress:
            progress(len(results), len(units))
    return list(zip(units, results, strict=True))


def units_of(module: TableModule, blobs: tuple[Blob, ...]) -> list[Unit]:
    """One unit a blob (of doubles the .nii.gz), or one unit of all blobs."""
    if not module.PER_BLOB:
        return [blobs]
    chosen: dict[object, Blob] = {}
    for blob in sorted(blobs, key=lambda b: (not b.path.endswith(".gz"), b.path)):
        chosen.setdefault(blob.name.identity, blob)
    return [(blob,) for blob in sorted(chosen.values(), key=lambda b: b.path)]


def measure_unit(name: str, context: Context, unit: Unit) -> Measured:
    """One unit of the table `name`, in this process."""
    try:
        return table_module(name).measure(unit, context)
    except BadInputError as error:
        return refused(name, error)
    except MemoryError:
        return _worker_died(name, unit)


def _worker_died(name: str, unit: Unit) -> Measured:
    error = BadInputError(
        "measuring_failed",
        observed=f"the worker was ended while it read {len(unit)} file(s)",
        expected="a file that fits into memory",
        likely_cause="not enough memory, or a fault in a library",
        fix="Run again with ISPY1_WORKERS=1; if it stays, check the file.",
    )
    return refused(name, error)


def _check_unchanged(context: Context, index: Index) -> None:
    """Values must never be filed under the hash of other bytes."""
    now = versions.release_hashes(context.root, context.release)
    changed = [b.path for b in index.blobs if now.get(b.path, ("",))[0] != b.md5]
    if changed:
        message = (
            f"{context.release / changed[0]} and {len(changed) - 1} more changed while they were "
            "read. Run `ispy1 repro` again."
        )
        raise UserError(message)


def _write(
    module: TableModule,
    context: Context,
    index: Index,
    measured: list[tuple[Unit, Measured]],
) -> Built:
    name = module.SCHEMA.name
    try:
        table = module.assemble(measured, context)
    except BadInputError as error:
        table = Measured([], [from_bad_input(name, error)])
    findings = [f for unit, found in measured for f in identified(found, _source(module, unit))]
    findings = _unique([*findings, *table.findings])
    meta = footer(context.profile, index.recipe)
    folder = context.root / project.FINDINGS
    write_table(FINDINGS, [f.row() for f in findings], table_path(folder, name), meta=meta)
    target = table_path(context.root / project.TABLES, name)
    write_table(module.SCHEMA, table.rows, target, meta=meta)
    return Built(name, len(table.rows), len(measured), len(findings))


def _source(module: TableModule, unit: Unit) -> Unit:
    """The blob that a unit's findings are about: a blob's own, or the one workbook's."""
    return unit if module.PER_BLOB or len(unit) == 1 else ()


def _unique(findings: list[Finding]) -> list[Finding]:
    return list({finding.finding_id: finding for finding in findings}.values())


def footer(profile: Profile, recipe: str) -> dict[str, object]:
    """The facts that every table carries in its footer."""
    return {
        "recipe": recipe,
        "dataset": profile.dataset,
        "is_phantom": profile.is_phantom,
        "licence": profile.licence,
        "attribution": profile.attribution.strip(),
    }


def build_findings(root: Path) -> int:
    """Unite the findings of all tables; a known issue (known_issues.csv) becomes info."""
    profile, known = load_profile(root), known_issues(root)
    folder = root / project.FINDINGS
    found = [row for name in TABLES for row in read_table(table_path(folder, name)).to_pylist()]
    rows = [softened(row, known) for row in found]
    meta = footer(profile, recipe_of("etl.known_issues", profile, root))
    write_table(FINDINGS, rows, table_path(root / project.TABLES, "findings"), meta=meta)
    return len(rows)
