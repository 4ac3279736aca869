"""The tables: bytes against dvc.lock, footers against the index, rows against their blobs."""

from __future__ import annotations

import shlex
import warnings
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa

from etl.ask.fsck.model import Problem, Report, Tracked, shorten_path
from etl.build.index import Index, index_path, list_parts_tables, list_tables, read_index
from etl.model import project
from etl.model.digests import compute_md5
from etl.model.errors import UserError
from etl.model.profile import Profile, load_profile
from etl.model.schema import BLOB_MD5S, SCHEMA_VERSION
from etl.model.store import list_parts, part_path, read_footer, read_table, table_path
from etl.tables.findings import TABLE as FINDINGS
from etl.tables.gate_results import TABLE as GATE_RESULTS
from etl.warehouse.connect import VIEWS, connect, find_broken_views
from etl.warehouse.limits import find_left_spill

AREA = "tables"
LINEAGE = "lineage"
_FOLDERS = (project.TABLES, project.GATE, project.INDEX)


def check_tables(tracked: Tracked, report: Report) -> None:
    """Check every file that the stages write, and what lies beside them."""
    root = tracked.root
    profile = load_profile(root)
    indexes = {name: _read_index(root, name, profile) for name in list_tables()}
    report.problems += _list_strays(tracked)
    report.problems += _compare_with_lock(tracked)
    reported = {problem.path for problem in report.problems}
    counted = rows = 0
    for path in _list_files(root):
        counted += 1
        name, index = shorten_path(root, path), indexes.get(path.stem)
        if name in reported:
            continue
        try:
            table, footer = read_table(path), read_footer(path)
        except (UserError, KeyError, TypeError, ValueError, OSError, pa.ArrowException) as error:
            expected, message = "a Parquet file with the footer of this project", str(error).split()
            back = tracked.find_repair(name) or _name_rebuild(name)
            report.problems.append(Problem(AREA, name, expected, " ".join(message), back))
            continue
        rows += table.num_rows
        problems = list(_check_footer(name, footer, index))
        report.problems += problems
        if index is not None and not problems and path.parent == root / project.TABLES:
            report.problems += _check_lineage(name, table, index)
    report.problems += _list_broken_views(root)
    for name, lister in list_parts_tables().items():
        counted += _check_parts(tracked, name, lister, report)
    report.checked[AREA] = f"{counted} files, {rows} rows"
    _report_missing(tracked, report)
    if None in indexes.values():
        report.notes.append("lineage: without an index of each table, not all of it is checked")


def _list_broken_views(root: Path) -> Iterator[Problem]:
    """Yield the views that cannot be made from the tables, where these can be read."""
    with warnings.catch_warnings(), suppress(UserError):
        warnings.simplefilter("ignore")
        with connect(root) as connection:
            for name, reason in find_broken_views(connection).items():
                path = f"{VIEWS}/{name}.sql"
                repair = f"git checkout {shlex.quote(path)}"
                yield Problem(AREA, path, "a view", reason, repair, "Correct a view of your own.")


def _report_missing(tracked: Tracked, report: Report) -> None:
    """Name the tables that are not here: some may be pulled alone, but none is not sound."""
    paths = _list_table_files()
    missing = [path for path in paths if not (tracked.root / path).is_file()]
    if not missing:
        return
    locked = [path for path in missing if path in tracked.paths]
    is_cached = all(tracked.paths[path] in tracked.cached for path in locked)
    bring = "dvc checkout" if is_cached else "dvc pull" if tracked.remote else None
    back = f"{bring} tables gate" if locked and bring else "ispy1 repro"
    if len(missing) == len(paths):
        expected = f"{len(paths)} tables"
        report.problems.append(Problem(AREA, project.TABLES, expected, "none", back))
    else:
        names = ", ".join(Path(path).stem for path in missing)
        report.notes.append(f"tables: {names} not here; `{back}` brings them")


def _list_table_files() -> list[str]:
    """Return the paths of all tables that the project makes."""
    built = (*list_tables(), FINDINGS.name)
    return [
        *(f"{project.TABLES}/{name}.parquet" for name in built),
        f"{project.GATE}/{GATE_RESULTS.name}.parquet",
    ]


def _read_index(root: Path, name: str, profile: Profile) -> Index | None:
    if not index_path(root, name).is_file():
        return None
    try:
        return read_index(root, name, profile)
    except UserError:  # the comparison with dvc.lock, or of the release, names it
        return None


def _list_files(root: Path) -> Iterator[Path]:
    for folder in (project.TABLES, project.GATE):
        yield from sorted((root / folder).glob("*.parquet"))


def _list_strays(tracked: Tracked) -> Iterator[Problem]:
    """Yield files in the stages' folders that no stage makes: leftovers of a killed tool."""
    expected = {*_list_table_files(), *tracked.paths, *_list_part_files(tracked.root)} | {
        f"{project.INDEX}/{name}.csv" for name in list_tables()
    }
    expected |= {str(folder) for path in expected for folder in Path(path).parents}
    strays = [path for folder in _FOLDERS for path in (tracked.root / folder).rglob("*")]
    strays += [
        *(tracked.root / "data").glob(".phantom.*"),
        *(tracked.root / "data").glob(".*.partial"),
    ]
    strays += find_left_spill(tracked.root / ".dvc" / "tmp" / "ispy1")
    for path in sorted(strays):
        name = shorten_path(tracked.root, path)
        if path.name != ".gitignore" and name not in expected:
            rm = "rm -rf" if path.is_dir() else "rm -f"
            repair = f"{rm} {shlex.quote(name)}"
            yield Problem(AREA, name, "no such file (no stage makes it)", "a file", repair)


def _list_part_files(root: Path) -> Iterator[str]:
    for name, lister in list_parts_tables().items():
        for case_id in _list_part_md5s(root, lister):
            yield shorten_path(root, part_path(root / project.TABLES, name, case_id))


def _compare_with_lock(tracked: Tracked) -> Iterator[Problem]:
    """Yield outputs of stages whose bytes are not those in dvc.lock; one not here is none."""
    for path, md5 in sorted(tracked.paths.items()):
        file = tracked.root / path
        if path.startswith(tuple(f"{folder}/" for folder in _FOLDERS)) and file.is_file():
            content = compute_md5(file)
            if content != md5:
                expected, observed = f"MD5 {md5} (dvc.lock)", f"MD5 {content}"
                back = tracked.find_repair(path) or "ispy1 repro"
                otherwise = "if a build was interrupted: ispy1 repro"
                yield Problem(AREA, path, expected, observed, back, otherwise)


def _check_parts(tracked: Tracked, name: str, lister: str, report: Report) -> int:
    """Check that the files of a table with one per case are those that are listed; count them."""
    listed = _list_part_md5s(tracked.root, lister)
    parts = list_parts(tracked.root / project.TABLES, name)
    reported = {problem.path for problem in report.problems}
    for case_id in listed.keys() & parts.keys():
        file, content = shorten_path(tracked.root, parts[case_id]), compute_md5(parts[case_id])
        if content != listed[case_id] and file not in reported:
            expected, back = f"MD5 {listed[case_id]} ({lister})", tracked.find_repair(file)
            problem = Problem(AREA, file, expected, f"MD5 {content}", back or "ispy1 repro")
            report.problems.append(problem)
    missing = listed.keys() - parts.keys()
    if missing:
        count = f"{len(missing)} of {len(listed)} files of {name} are not here"
        report.notes.append(f"tables: {count}; `dvc pull tables` or `ispy1 repro` brings them")
    return len(parts)


def _list_part_md5s(root: Path, lister: str) -> dict[str, str]:
    """Return case -> MD5 of its file, by a table that lists such files; none without that."""
    with suppress(UserError, KeyError):
        rows = read_table(table_path(root / project.TABLES, lister)).select(["case_id", "part_md5"])
        return {row["case_id"]: row["part_md5"] for row in rows.to_pylist()}
    return {}


def _name_rebuild(name: str) -> str:
    """Return the command that makes a table anew although DVC takes it for finished."""
    return f"rm -f {shlex.quote(name)} && ispy1 repro"


def _check_footer(name: str, footer: dict[str, Any], index: Index | None) -> Iterator[Problem]:
    """Check by which form and recipe a table was written."""
    form, recipe = footer.get("schema_version"), footer.get("recipe")
    if form != SCHEMA_VERSION:
        expected, observed = f"schema version {SCHEMA_VERSION}", f"schema version {form}"
        yield Problem(AREA, name, expected, observed, _name_rebuild(name))
    if index is not None and recipe != index.recipe.table:
        expected, observed = f"recipe {index.recipe.table} (index)", f"recipe {recipe}"
        yield Problem(AREA, name, expected, observed, _name_rebuild(name))


def _check_lineage(name: str, table: pa.Table, index: Index) -> Iterator[Problem]:
    """Check that every MD5 in a table is that of its blob in the index."""
    md5s = {blob.path: blob.md5 for blob in index.blobs}
    column = "md5" if Path(name).stem == "blobs" else "blob_md5"
    yield from _check_md5s(name, table, set(md5s.values()))
    if not {"path", column} <= set(table.column_names):
        return
    for row in table.select(["path", column]).to_pylist():
        md5 = md5s.get(row["path"])
        if row[column] is not None and row[column] != md5:
            expected = f"MD5 {md5} (index)" if md5 else "a blob that the index lists"
            observed, back = f"MD5 {row[column]}", _name_rebuild(name)
            yield Problem(LINEAGE, f"{name}: {row['path']}", expected, observed, back)


def _check_md5s(name: str, table: pa.Table, listed: set[str]) -> Iterator[Problem]:
    """Check that every MD5 of a row that comes from several blobs is in the index."""
    for column in table.column_names:
        if column.endswith(BLOB_MD5S):
            values = table[column].combine_chunks()
            flat = values.flatten() if pa.types.is_list(values.type) else values
            for md5 in sorted(set(flat.to_pylist()) - listed - {None}):
                expected = "the MD5 of a blob that the index lists"
                back = _name_rebuild(name)
                yield Problem(LINEAGE, f"{name}: {column}", expected, f"MD5 {md5}", back)


def has_tables(root: Path) -> bool:
    """Return whether there is a table to check at all."""
    return any(table_path(root / project.TABLES, name).is_file() for name in list_tables())
