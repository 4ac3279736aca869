"""The tables: bytes against dvc.lock, footers against the index, rows against their blobs."""

from __future__ import annotations

import shlex
import warnings
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa

from etl.ask.fsck.model import Kept, Problem, Report, md5_of, shown
from etl.build.index import Index, index_path, list_tables, read_index
from etl.model import project
from etl.model.errors import UserError
from etl.model.profile import Profile, load_profile
from etl.model.schema import BLOB_MD5S, SCHEMA_VERSION
from etl.model.store import read_footer, read_table, table_path
from etl.tables.findings import TABLE as FINDINGS
from etl.tables.gate_results import TABLE as GATE_RESULTS
from etl.warehouse.connect import VIEWS, connect, find_broken_views
from etl.warehouse.limits import find_left_spill

AREA = "tables"
LINEAGE = "lineage"
_FOLDERS = (project.TABLES, project.GATE, project.INDEX)


def check_tables(kept: Kept, report: Report) -> None:
    """Check every file that the stages write, and what lies beside them."""
    root = kept.root
    profile = load_profile(root)
    indexes = {name: _index(root, name, profile) for name in list_tables()}
    report.problems += _foreign(kept)
    report.problems += _against_lock(kept)
    told = {problem.path for problem in report.problems}
    counted = rows = 0
    for path in _files(root):
        counted += 1
        if shown(root, path) in told:
            continue
        try:
            table, footer = read_table(path), read_footer(path)
        except (UserError, KeyError, TypeError, ValueError, OSError, pa.ArrowException) as error:
            report.problems.append(_unreadable(kept, path, error))
            continue
        rows += table.num_rows
        problems = list(_footer(root, path, footer, indexes.get(path.stem)))
        report.problems += problems
        if not problems and path.parent == root / project.TABLES:
            report.problems += _lineage(root, path, table, indexes.get(path.stem))
    report.problems += _list_broken_views(root)
    report.checked[AREA] = f"{counted} files, {rows} rows"
    _tell_missing(kept, report)
    if any(found is None for found in indexes.values()):
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


def _tell_missing(kept: Kept, report: Report) -> None:
    """Name the tables that are not here: some may be pulled alone, but none is not sound."""
    wanted = _tables()
    missing = [path for path in wanted if not (kept.root / path).is_file()]
    if not missing:
        return
    locked = [path for path in missing if path in kept.paths]
    is_cached = all(kept.paths[path] in kept.cached for path in locked)
    bring = "dvc checkout" if is_cached else "dvc pull" if kept.remote else None
    back = f"{bring} tables gate" if locked and bring else "ispy1 repro"
    if len(missing) == len(wanted):
        expected = f"{len(wanted)} tables"
        report.problems.append(Problem(AREA, project.TABLES, expected, "none", back))
    else:
        names = ", ".join(Path(path).stem for path in missing)
        report.notes.append(f"tables: {names} not here; `{back}` brings them")


def _tables() -> list[str]:
    """Return the paths of all tables that the project makes."""
    built = (*list_tables(), FINDINGS.name)
    return [
        *(f"{project.TABLES}/{name}.parquet" for name in built),
        f"{project.GATE}/{GATE_RESULTS.name}.parquet",
    ]


def _index(root: Path, name: str, profile: Profile) -> Index | None:
    if not index_path(root, name).is_file():
        return None
    try:
        return read_index(root, name, profile)
    except UserError:  # the comparison with dvc.lock, or of the release, names it
        return None


def _files(root: Path) -> Iterator[Path]:
    for folder in (project.TABLES, project.GATE):
        yield from sorted((root / folder).glob("*.parquet"))


def _foreign(kept: Kept) -> Iterator[Problem]:
    """Files in the stages' folders that no stage makes: leftovers of a killed or foreign tool."""
    own = {*_tables(), *kept.paths} | {f"{project.INDEX}/{name}.csv" for name in list_tables()}
    strays = [path for folder in _FOLDERS for path in (kept.root / folder).rglob("*")]
    strays += [*(kept.root / "data").glob(".phantom.*"), *(kept.root / "data").glob(".*.partial")]
    strays += find_left_spill(kept.root / ".dvc" / "tmp" / "ispy1")
    for path in sorted(strays):
        name = shown(kept.root, path)
        if path.name != ".gitignore" and name not in own:
            rm = "rm -rf" if path.is_dir() else "rm -f"
            yield Problem(
                AREA, name, "no such file (no stage makes it)", "a file",
                f"{rm} {shlex.quote(name)}",
            )  # fmt: skip


def _against_lock(kept: Kept) -> Iterator[Problem]:
    """Outputs of stages whose bytes are not those in dvc.lock; those not here are no problem."""
    for path, md5 in sorted(kept.paths.items()):
        file = kept.root / path
        if path.startswith(tuple(f"{folder}/" for folder in _FOLDERS)) and file.is_file():
            found = md5_of(file)
            if found != md5:
                back = kept.bring_back(path) or "ispy1 repro"
                yield Problem(
                    AREA, path, f"MD5 {md5} (dvc.lock)", f"MD5 {found}", back,
                    "if a build was interrupted: ispy1 repro",
                )  # fmt: skip


def _unreadable(kept: Kept, path: Path, error: Exception) -> Problem:
    name = shown(kept.root, path)
    back = kept.bring_back(name) or _rebuild(path)
    said = " ".join(str(error).split())
    return Problem(AREA, name, "a Parquet file with the footer of this project", said, back)


def _rebuild(path: Path) -> str:
    """Return the command that makes a table anew although DVC takes it for finished."""
    return f"rm -f {shlex.quote('/'.join(path.parts[-3:]))} && ispy1 repro"


def _footer(
    root: Path, path: Path, footer: dict[str, Any], index: Index | None
) -> Iterator[Problem]:
    name = shown(root, path)
    if footer.get("schema_version") != SCHEMA_VERSION:
        yield Problem(
            AREA, name, f"schema version {SCHEMA_VERSION}",
            f"schema version {footer.get('schema_version')}", _rebuild(path),
        )  # fmt: skip
    if index is not None and footer.get("recipe") != index.recipe.table:
        yield Problem(
            AREA, name, f"recipe {index.recipe.table} (index)", f"recipe {footer.get('recipe')}",
            _rebuild(path),
        )  # fmt: skip


def _lineage(root: Path, path: Path, table: pa.Table, index: Index | None) -> Iterator[Problem]:
    """Every MD5 in a table is that of its blob in the index."""
    column = "md5" if path.stem == "blobs" else "blob_md5"
    if index is None:
        return
    yield from _unlisted(root, path, table, index)
    if not {"path", column} <= set(table.column_names):
        return
    listed = {blob.path: blob.md5 for blob in index.blobs}
    place = shown(root, path)
    for row in table.select(["path", column]).to_pylist():
        known = listed.get(row["path"])
        if row[column] is not None and row[column] != known:
            expected = f"MD5 {known} (index)" if known else "a blob that the index lists"
            yield Problem(
                LINEAGE, f"{place}: {row['path']}", expected, f"MD5 {row[column]}", _rebuild(path)
            )


def _unlisted(root: Path, path: Path, table: pa.Table, index: Index) -> Iterator[Problem]:
    """Every MD5 of a row that comes from several blobs is in the index."""
    listed = {blob.md5 for blob in index.blobs}
    for name in table.column_names:
        if name.endswith(BLOB_MD5S):
            values = table[name].combine_chunks()
            flat = values.flatten() if pa.types.is_list(values.type) else values
            for md5 in sorted(set(flat.to_pylist()) - listed - {None}):
                place = f"{shown(root, path)}: {name}"
                expected = "the MD5 of a blob that the index lists"
                yield Problem(LINEAGE, place, expected, f"MD5 {md5}", _rebuild(path))


def built(root: Path) -> bool:
    """Whether there is a table to check at all."""
    return any(table_path(root / project.TABLES, name).is_file() for name in list_tables())
