"""Build the tables: examine what is stale, measure it case by case, assemble, write."""

from __future__ import annotations

import logging
import pickle
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from etl.build.finite import drop_nonfinite
from etl.build.index import import_table, list_tables
from etl.build.kept_units import keep_units, read_units
from etl.build.manifest import Manifest, hash_file, read_manifest, write_manifest
from etl.build.measuring import make_tasks, measure_tasks
from etl.build.parts import is_available, place_parts
from etl.build.plan import VALUES, State, examine, order_tables
from etl.build.seed import seed_units
from etl.model import project
from etl.model.errors import UserError
from etl.model.findings import Finding
from etl.model.pool import Cluster, count_workers
from etl.model.profile import Profile, load_profile
from etl.model.release import MARKS, is_own_mask, list_mask_sets
from etl.model.store import build_lock, describe_parts, table_path, write_table
from etl.tables.assembly import collect, identify
from etl.tables.gate_results import TABLE as GATE_RESULTS
from etl.tables.unit import Assembled, Context, Unit, Values, add_identity, list_units, name_content
from etl.versions import dvc

Progress = Callable[[int, int], None]

_LOG = logging.getLogger(__name__)
KEEP_EVERY_S = 1.0  # a killed build loses at most this much of its work


@dataclass(frozen=True, slots=True)
class Built:
    """What a build did to a table, or would do.

    `reasons`: why it was stale; empty where it was left as it is. `measured`: units that were
    read; the others were reused.
    """

    table: str
    reasons: tuple[str, ...]
    units: int
    measured: int
    rows: int | None = None
    findings: int | None = None


@dataclass(frozen=True, slots=True)
class _Work:
    """A table that may be stale: its units, and what is kept of them by content."""

    state: State
    units: list[Unit]
    known: dict[str, Values]
    # By path: units of one content may differ, as two links outside do. Pickled: an Arrow table of
    # a row holds five times as much as its values do, for every case until the last is measured.
    fresh: dict[str, bytes]

    @property
    def name(self) -> str:
        return self.state.name

    @property
    def missing(self) -> list[Unit]:
        """The units that must be measured."""
        per = import_table(self.name).TABLE.per
        return [unit for unit in self.units if name_content(unit, per) not in self.known]

    def values_of(self, unit: Unit) -> Values:
        """Return what was measured of a unit, now or before."""
        per = import_table(self.name).TABLE.per
        path = unit[0].path if unit else ""
        if path in self.fresh:
            values: Values = pickle.loads(self.fresh[path])  # noqa: S301  as _measure() left it
            return values
        return self.known[name_content(unit, per)]


def build_tables(
    root: Path,
    names: Sequence[str] = (),
    workers: int | Cluster | None = None,
    progress: Progress | None = None,
    *,
    reuse: bool = True,
    say: Callable[[str], None] = _LOG.warning,
) -> list[Built]:
    """Build the tables that are stale, and write what was found wrong.

    Args:
        root: the project.
        names: these alone (etl.build.plan.add_needs adds what they need); default: all.
        workers: processes, or the cluster that works in their place; default: the cores.
        progress: called with (cases measured, cases to measure).
        reuse: leave fresh tables as they are, and take units that were measured before.
        say: told for whom this build waits, where another builds.

    Returns:
        What was done, table by table, in the order of their building.

    Raises:
        UserError: no index, a blob that changed during the build, or a disk that refuses.
    """
    with build_lock(root, say):
        profile = load_profile(root)
        manifest = read_manifest(root)
        states = examine(root, profile, manifest if reuse else None, order_tables(names))
        work = _collect_work(root, manifest, states, reuse=reuse)
        names_read = [blob.name for state in states.values() for blob in state.blobs]
        mask_sets = list_mask_sets(names_read, profile)
        context = Context(root, project.release_path(root), profile, (), mask_sets=mask_sets)
        _measure(context, work, workers or count_workers(), progress)
        return _write_tables(context, manifest, states, work)


def plan_tables(root: Path, names: Sequence[str] = ()) -> list[Built]:
    """Return what build_tables() would do; nothing is measured or written but kept units."""
    manifest = read_manifest(root)
    states = examine(root, load_profile(root), manifest, order_tables(names))
    work = _collect_work(root, manifest, states, reuse=True)
    return [_plan(state, states, work.get(name)) for name, state in states.items()]


def _plan(state: State, states: Mapping[str, State], work: _Work | None) -> Built:
    if work is None:
        return Built(state.name, (), 0, 0)
    needs = import_table(state.name).TABLE.needs
    reasons = state.reasons or tuple(f"{n} is built anew" for n in needs if _may_change(n, states))
    return Built(state.name, reasons, len(work.units), len(work.missing))


def _may_change(name: str, states: Mapping[str, State]) -> bool:
    """Return whether a table is among those that are built, and stale, or one that it needs is."""
    if name not in states:
        return False
    needs = import_table(name).TABLE.needs
    return bool(states[name].reasons) or any(_may_change(need, states) for need in needs)


# --- What is measured ---------------------------------------------------------------------------


def _collect_work(
    root: Path, manifest: Manifest, states: Mapping[str, State], *, reuse: bool
) -> dict[str, _Work]:
    """Return the tables that may be written anew, with what is kept of their units."""
    files = _hash_needs(root, manifest, states)
    work = {}
    for name, state in states.items():
        if state.is_fresh(files) and not any(
            _may_change(need, states) for need in import_table(name).TABLE.needs
        ):
            continue
        table = import_table(name).TABLE
        units = list_units(table.per, state.blobs)
        kept_values = _read_known(root, manifest, state, units) if reuse else {}
        work[name] = _Work(state, units, kept_values, {})
    return work


def _hash_needs(
    root: Path, manifest: Manifest, states: Mapping[str, State]
) -> dict[str, str | None]:
    """Return table -> MD5 of its file, for those that can be believed and those that are needed."""
    needs = {need for name in states for need in import_table(name).TABLE.needs}
    return {
        **{n: hash_file(table_path(root / project.TABLES, n)) for n in needs - states.keys()},
        **{name: manifest.files[name] for name, state in states.items() if state.footer},
    }


def _read_known(
    root: Path, manifest: Manifest, state: State, units: Sequence[Unit]
) -> dict[str, Values]:
    """Return what is kept of a table's units, by content.

    What only the present table holds is kept: this build writes over it.
    """
    table, recipe = import_table(state.name).TABLE, state.recipe.values
    if table.per not in ("blob", "case"):
        return {}  # one workbook, one listing: quicker to read than to keep
    units_kept = read_units(root, table, recipe)
    contents = {name_content(unit, table.per) for unit in units}
    if not (contents <= units_kept.keys() or state.footer.get(VALUES) != recipe):
        seeded = seed_units(root, table, manifest, units_kept.keys())
        if seeded:
            keep_units(root, table, recipe, seeded.items())
        units_kept = seeded | units_kept
    return _drop_lost_parts(root, state, units_kept) if table.parts else units_kept


def _drop_lost_parts(root: Path, state: State, known: Mapping[str, Values]) -> dict[str, Values]:
    """Return the units whose files can still be had."""
    in_place = state.parts_here
    return {
        content: values
        for content, values in known.items()
        if all(is_available(root, md5, in_place) for md5 in values.rows["part_md5"].to_pylist())
    }


def _measure(
    context: Context,
    work: Mapping[str, _Work],
    workers: int | Cluster,
    progress: Progress | None,
) -> None:
    """Measure what is missing, case by case; what is done is kept every second, and at the end."""
    tasks = make_tasks([(item.name, unit) for item in work.values() for unit in item.missing])
    n_cases = sum(task.is_of_case for task in tasks)
    cases_done: set[str] = set()
    pending: list[tuple[str, Unit, Values]] = []
    last = time.monotonic()
    with closing(measure_tasks(context, tasks, workers)) as results:
        try:
            for task, measured in results:
                for (name, unit), values in zip(task.units, measured, strict=True):
                    work[name].fresh[unit[0].path if unit else ""] = pickle.dumps(values)
                    pending.append((name, unit, values))
                cases_done.add(task.case_id)
                if progress and n_cases:
                    progress(len(cases_done - {""}), n_cases)
                if time.monotonic() - last > KEEP_EVERY_S:
                    _keep(context, work, pending)
                    pending, last = [], time.monotonic()
        finally:
            if pending:
                _keep(context, work, pending)


def _keep(
    context: Context, work: Mapping[str, _Work], units: Sequence[tuple[str, Unit, Values]]
) -> None:
    """Keep units; values must never be filed under the hash of other bytes."""
    md5s = {blob.path: blob.md5 for _, unit, _ in units for blob in unit if blob.md5 not in MARKS}
    changed = dvc.find_changed(context.root, context.release, md5s)
    if changed:
        message = (
            f"{context.release / changed[0]} changed while it was read ({len(changed)} file(s) in "
            "all). Run `ispy1 repro` again."
        )
        raise UserError(message)
    for name, item in work.items():
        table = import_table(name).TABLE
        if table.per in ("blob", "case"):
            of_table = [
                (name_content(unit, table.per), v)
                for table_name, unit, v in units
                if table_name == name
            ]
            keep_units(context.root, table, item.state.recipe.values, of_table)


# --- What is written ----------------------------------------------------------------------------


def _write_tables(
    context: Context, manifest: Manifest, states: Mapping[str, State], work: Mapping[str, _Work]
) -> list[Built]:
    """Assemble and write what is stale, in the order of needs; the findings come last."""
    files = _hash_needs(context.root, manifest, states)
    findings = {n: rows for n, rows in manifest.findings.items() if n in list_tables()}
    assembled = {n: ids for n, ids in manifest.assembled.items() if n in list_tables()}
    built = []
    for name, state in states.items():
        item = work.get(name)
        if item is None or state.is_fresh(files):
            built.append(Built(name, (), len(item.units) if item else 0, 0))
            continue
        table = _assemble(context, item)
        path = table_path(context.root / project.TABLES, name)
        meta = make_footer(context.profile) | state.made_of(files) | _place(context, state, table)
        write_table(import_table(name).TABLE, table.rows, path, meta=meta)
        files[name] = hash_file(path)
        findings[name], assembled[name] = table.finding_rows, table.assembled_ids
        reasons = state.reasons or ("a table that it needs changed",)
        n_measured = len(item.fresh)
        n_rows, n_findings = table.rows.num_rows, len(table.finding_rows)
        built.append(Built(name, reasons, len(item.units), n_measured, n_rows, n_findings))
    if any(item.reasons for item in built):
        others = {n: md5 for n, md5 in manifest.files.items() if n in list_tables()}
        written = {n: str(files[n]) for n in states if n in files}
        whole = Manifest({**others, **written}, findings, assembled)
        write_manifest(context.root, whole, context.profile, make_footer(context.profile))
        # Of a build before the gate had a folder of its own: it is no table of this output.
        table_path(context.root / project.TABLES, GATE_RESULTS.name).unlink(missing_ok=True)
    return built


@dataclass(frozen=True, slots=True)
class _Written:
    """A table as it is written: rows, rows of findings, ids of those that no unit gave."""

    rows: pa.Table
    finding_rows: list[dict[str, Any]]
    assembled_ids: list[str]


def _place(context: Context, state: State, written: _Written) -> dict[str, Any]:
    """Put the files of a table's cases in place, if it has such; return what its footer says."""
    module = import_table(state.name)
    if not module.TABLE.parts:
        return {}
    rows = written.rows.select(["case_id", "part_md5"]).to_pylist()
    part_md5s = {row["case_id"]: row["part_md5"] for row in rows}
    place_parts(context.root, module.TABLE.parts, part_md5s, state.parts_here)
    describe_part = getattr(module, "describe_part")  # noqa: B009  only a table with parts has it
    return describe_parts(describe_part(context.mask_sets))


def _assemble(context: Context, item: _Work) -> _Written:
    module = import_table(item.name)
    table, profile = module.TABLE, context.profile
    context = replace(context, blobs=item.state.blobs, needs=table.needs)
    unit_findings: list[Finding] = []

    def read_rows() -> Iterator[pa.Table]:
        for unit in item.units:
            unit_values = item.values_of(unit)
            unit_findings.extend(add_identity(unit_values.findings, unit, table.per, profile))
            yield unit_values.rows

    values = identify(collect(table, read_rows()), table, item.units)
    has_own = hasattr(module, "assemble")  # else the rows are taken as they were measured
    assembled = module.assemble(values, context) if has_own else Assembled(values)
    rows, nonfinite = drop_nonfinite(table, assembled.rows.select(table.names).to_arrow())
    findings = {
        f.finding_id: f for f in _soften([*unit_findings, *assembled.findings, *nonfinite], profile)
    }
    ids = sorted({finding.finding_id for finding in assembled.findings})
    return _Written(rows, [finding.row() for finding in findings.values()], ids)


def _soften(findings: Sequence[Finding], profile: Profile) -> Iterator[Finding]:
    """Yield findings; one about a mask of the user's own is a warning: it breaks no contract."""
    for finding in findings:
        is_own = finding.path is not None and is_own_mask(finding.path, profile)
        is_softened = is_own and finding.severity == "critical"
        yield replace(finding, severity="warning") if is_softened else finding


def make_footer(profile: Profile) -> dict[str, object]:
    """Return the facts that every table carries in its footer."""
    return {
        "dataset": profile.dataset,
        "is_phantom": profile.is_phantom,
        "licence": profile.licence,
        "attribution": profile.attribution.strip(),
    }
