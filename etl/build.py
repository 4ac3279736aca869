"""Make one table: units from its index, measure, assemble, write."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from etl import project, revisions, versions
from etl.errors import BadInputError, UserError
from etl.findings import Finding, from_bad_input
from etl.finite import drop_nonfinite
from etl.index import read_index, table_module, table_names
from etl.known_issues import known_issues, softened
from etl.pool import default_workers, spread
from etl.profile import Profile, load_profile
from etl.recipe import Recipe, module_recipe
from etl.release import is_own_mask
from etl.store import read_table, table_lock, table_path, write_table
from etl.tables.findings import TABLE as FINDINGS
from etl.unit import (
    Blob,
    Context,
    Measured,
    TableModule,
    collect_rows,
    identified,
    refused,
    unit_key,
)
from etl.unit_store import ASSEMBLED, keep_units, known_units, seed

Unit = tuple[Blob, ...]
Progress = Callable[[int, int], None]

_LOG = logging.getLogger(__name__)
KEEP_EVERY_S = 1.0  # a killed build loses at most this much of its work


@dataclass(frozen=True, slots=True)
class Built:
    """What a build did. `measured`: units that were read; the others were reused."""

    table: str
    rows: int
    units: int
    measured: int
    findings: int


def build_table(
    root: Path,
    name: str,
    workers: int | None = None,
    progress: Progress | None = None,
    *,
    reuse: bool = True,
    say: Callable[[str], None] = _LOG.warning,
) -> Built:
    """Build one table and its findings from its index.

    Args:
        root: the project.
        name: the table.
        workers: processes; default: the cores.
        progress: called with (units done, units in all).
        reuse: take units that were measured before from the unit store.
        say: told for whom this build waits, where another builds the table.

    Raises:
        UserError: no index, a blob that changed during the build, or a disk that refuses.
    """
    module, profile = table_module(name), load_profile(root)
    with table_lock(root, name, say):
        index = read_index(root, name, profile)
        release, needs = project.release_path(root), module.TABLE.needs
        context = Context(root, release, profile, index.blobs, needs)
        units = units_of(module, context.blobs)
        workers = workers or default_workers()
        if module.TABLE.per in (
            "release",
            "tables",
        ):  # one workbook, one listing: quicker to read than to keep
            measured = list(measure_units(module, context, units, workers))
            return _write(module, context, index.recipe, list(zip(units, measured, strict=True)))
        known = _known(module, root, index.recipe.values) if reuse else {}
        new = [unit for unit in units if _content(module, unit) not in known]
        fresh = _measure_and_keep(module, context, index.recipe.values, (new, workers, progress))
        # By path: units of one content may differ, as two links that lead out of the release do.
        found = [(unit, fresh.get(unit[0].path) or known[_content(module, unit)]) for unit in units]
        return replace(_write(module, context, index.recipe, found), measured=len(new))


def _content(module: TableModule, unit: Unit) -> str:
    """What the unit store files a unit under; equal masks of two sets may have two rules."""
    is_bare = module.TABLE.per == "blob" and unit[0].name.mask is None
    return unit[0].md5 if is_bare else unit_key(unit)


def _known(module: TableModule, root: Path, recipe: str) -> dict[str, Measured]:
    """What the unit store and the present table hold, by the content of the unit.

    What only the table holds is kept: the next build writes over the table. A table, or its
    findings, that is not what dvc.lock records was edited or left half: nothing of it is believed.
    """
    name = module.TABLE.name
    kept = known_units(root, name, recipe)
    folders = root / project.TABLES, root / project.FINDINGS
    if not revisions.is_locked(root, [table_path(folder, name) for folder in folders]):
        return kept
    present = seed(module, *folders, recipe)
    present = {content: found for content, found in present.items() if content not in kept}
    if present:
        keep_units(root, name, recipe, present.items())
    return present | kept


def _measure_and_keep(
    module: TableModule,
    context: Context,
    recipe: str,
    work: tuple[list[Unit], int, Progress | None],
) -> dict[str, Measured]:
    """Path -> what was measured; kept in the unit store every second."""
    units, workers, progress = work
    done: dict[str, Measured] = {}
    fresh: list[tuple[Unit, Measured]] = []
    last = time.monotonic()
    for number, found in enumerate(measure_units(module, context, units, workers), 1):
        unit = units[number - 1]
        done[unit[0].path] = found
        fresh.append((unit, found))
        if progress:
            progress(number, len(units))
        if number == len(units) or time.monotonic() - last > KEEP_EVERY_S:
            _keep(module, context, recipe, fresh)
            fresh, last = [], time.monotonic()
    return done


def _keep(
    module: TableModule, context: Context, recipe: str, fresh: list[tuple[Unit, Measured]]
) -> None:
    """Keep units; values must never be filed under the hash of other bytes."""
    now = versions.release_hashes(context.root, context.release)
    blobs = [blob for unit, _ in fresh for blob in unit]
    changed = [blob.path for blob in blobs if now.get(blob.path, ("",))[0] != blob.md5]
    if changed:
        message = (
            f"{context.release / changed[0]} changed while it was read ({len(changed)} file(s) in "
            "all). Run `ispy1 repro` again."
        )
        raise UserError(message)
    units = [(_content(module, unit), found) for unit, found in fresh]
    keep_units(context.root, module.TABLE.name, recipe, units)


def measure_units(
    module: TableModule, context: Context, units: list[Unit], workers: int
) -> Iterator[Measured]:
    """Measure units of a table, in order; a unit that fails is a finding."""
    name = module.TABLE.name
    # Workers get the blobs with each unit; the whole list would be pickled once a unit.
    lean = context if module.TABLE.per == "release" else replace(context, blobs=())
    died = partial(_worker_died, name)
    return spread(partial(measure_unit, name, lean), units, workers, died)


def units_of(module: TableModule, blobs: tuple[Blob, ...]) -> list[Unit]:
    """One unit a blob (of doubles the .nii.gz), one a case, or one of all blobs."""
    if module.TABLE.per in ("release", "tables"):
        return [blobs] if module.TABLE.per == "release" else []
    chosen: dict[object, Blob] = {}
    for blob in sorted(blobs, key=lambda b: (not b.path.endswith(".gz"), b.path)):
        chosen.setdefault(blob.name.identity, blob)
    single = sorted(chosen.values(), key=lambda b: b.path)
    if module.TABLE.per == "blob":
        return [(blob,) for blob in single]
    by_case: dict[str, list[Blob]] = {}
    for blob in single:
        if blob.name.case_id:
            by_case.setdefault(blob.name.case_id, []).append(blob)
    return [tuple(by_case[case_id]) for case_id in sorted(by_case)]


def measure_unit(name: str, context: Context, unit: Unit) -> Measured:
    """One unit of the table `name`, in this process."""
    try:
        module = table_module(name)
        with np.errstate(over="ignore", invalid="ignore"):  # it becomes a finding
            return drop_nonfinite(module.TABLE, module.measure(unit, context))
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


def _write(
    module: TableModule,
    context: Context,
    recipe: Recipe,
    measured: list[tuple[Unit, Measured]],
) -> Built:
    name = module.TABLE.name
    try:
        made = assemble(module, measured, context)
    except BadInputError as error:
        made = Measured([], [from_bad_input(name, error)])
    table = drop_nonfinite(module.TABLE, made)
    kind, profile = module.TABLE.per, context.profile
    findings = [f for unit, found in measured for f in identified(found, unit, kind, profile)]
    findings = _unique([_softened(f, profile) for f in (*findings, *table.findings)])
    meta = footer(context.profile, recipe.table) | {"values_recipe": recipe.values}
    folder = context.root / project.FINDINGS
    about = meta | {ASSEMBLED: sorted({f.finding_id for f in made.findings})}
    write_table(FINDINGS, [f.row() for f in findings], table_path(folder, name), meta=about)
    target = table_path(context.root / project.TABLES, name)
    write_table(module.TABLE, table.rows, target, meta=meta)
    return Built(name, len(table.rows), len(measured), len(measured), len(findings))


def assemble(
    module: TableModule, measured: list[tuple[Unit, Measured]], context: Context
) -> Measured:
    """Return a table's rows and findings; without a word of its module, the rows as they are."""
    if hasattr(module, "assemble"):
        return module.assemble(measured, context)
    return Measured(collect_rows(measured))


def _softened(finding: Finding, profile: Profile) -> Finding:
    """Return a finding about a mask of the user's own as a warning: it breaks no contract."""
    is_own = finding.path is not None and is_own_mask(finding.path, profile)
    if is_own and finding.severity == "critical":
        return replace(finding, severity="warning")
    return finding


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
    tables = (read_table(table_path(folder, name)) for name in table_names())
    found = [row for table in tables for row in table.to_pylist()]
    rows = [softened(row, known) for row in found]
    meta = footer(profile, module_recipe("etl.known_issues", profile))
    write_table(FINDINGS, rows, table_path(root / project.TABLES, "findings"), meta=meta)
    return len(rows)
