"""The tables as Delta tables: what a revision changed in a table is a version of that table."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from etl.model.digests import compute_md5
from etl.model.errors import UserError
from etl.model.git_tables import KNOWN_ISSUES
from etl.model.project import refuse_inputs
from etl.model.store import list_parts, write_atomically
from etl.text.output import format_csv
from etl.versions import git
from etl.warehouse.connect import fill
from etl.warehouse.export import LOCK, hold_folder
from etl.warehouse.snapshot import Snapshot, take_revision, take_working_tree
from etl.warehouse.sql_words import literal, quoted

if TYPE_CHECKING:
    from deltalake import DeltaTable

WORKING_TREE = "working tree"
VERSIONS = "versions.csv"  # which version of which table is which revision
# What a commit says of itself.
REVISION, COMMIT, MD5, ADDED = "ispy1.revision", "ispy1.commit", "ispy1.md5", "ispy1.added"
_CASE = "case_id"
_LOG = "_delta_log"
_COLUMNS = ("revision", "commit", "table", "version")
# What readers travel to is never cleaned away.
_CONFIGURATION = {
    "delta.enableExpiredLogCleanup": "false",
    "delta.logRetentionDuration": "interval 36500 days",
    "delta.deletedFileRetentionDuration": "interval 36500 days",
}


@dataclass(frozen=True, slots=True)
class Exported:
    """The version of a Delta table that holds what was exported, and whether it is a new one."""

    table: str
    version: int
    is_new: bool


@dataclass(frozen=True, slots=True)
class _Source:
    """A table as it is to be.

    `md5` is that of its file, or case -> MD5 where it has one per case; `added` a hash of what SQL
    adds to the file, empty where that is nothing.
    """

    name: str
    schema: pa.Schema
    description: str
    md5: str | dict[str, str]
    added: str


def export_delta(
    root: Path, target: Path, *, rev: str | None = None, force: bool = False
) -> list[Exported]:
    """Bring the Delta tables in a folder to what a version holds; return the version of each.

    A table that is made of the same files as its last commit gets no version. Of one with a file
    per case, the partitions of changed cases alone are replaced. `versions.csv` says which version
    of a table is which revision.

    Args:
        root: the project.
        target: the folder; made where it does not exist.
        rev: the git revision (default: the working tree).
        force: write into a folder that holds something else.

    Raises:
        UserError: deltalake is not installed, the folder holds something else or is the project's,
            another export writes into it, nothing is built, an unknown revision, or the disk
            refuses.
    """
    _require_library()
    refuse_inputs(root, target, ())
    commit = "" if rev is None else git.resolve(root, rev).commit
    snapshot = take_working_tree(root) if rev is None else take_revision(root, rev)
    if not snapshot.tables:
        message = f"{root / 'data/tables'}: no table is built yet. Run `ispy1 repro` first."
        raise UserError(message)
    about = {REVISION: rev or WORKING_TREE, COMMIT: commit}
    with hold_folder(target), duckdb.connect() as connection:
        _refuse_others(target, {*snapshot.tables, *snapshot.parts}, force=force)
        fill(connection, snapshot, cache=None)
        exported = [
            _export_table(connection, source, target / source.name, about)
            for source in _list_sources(connection, snapshot)
        ]
        _write_versions(target / VERSIONS, about, exported)
    return exported


def _require_library() -> None:
    try:
        import deltalake  # noqa: F401
    except ImportError as error:
        message = "deltalake is not installed; it writes Delta tables. Run `pip install deltalake`."
        raise UserError(message) from error


def _refuse_others(target: Path, tables: set[str], *, force: bool) -> None:
    """Refuse a folder of something else than Delta tables and what a killed export left of one."""
    others = [
        path.name
        for path in target.iterdir()
        if path.name not in {LOCK, VERSIONS}
        and not (_is_delta(path) or (path.name in tables and _is_half_written(path)))
    ]
    if others and not force:
        message = f"{target}: holds {min(others)}. Name another folder, or add --force."
        raise UserError(message)


def _is_delta(folder: Path) -> bool:
    return any((folder / _LOG).glob("*.json"))


def _is_half_written(folder: Path) -> bool:
    return folder.is_dir() and all(
        path.name == _LOG or path.name.startswith(f"{_CASE}=") or path.suffix == ".parquet"
        for path in folder.iterdir()
    )


# --- What is exported --------------------------------------------------------------------------


def _list_sources(connection: duckdb.DuckDBPyConnection, snapshot: Snapshot) -> Iterator[_Source]:
    issues = snapshot.inputs.get(KNOWN_ISSUES.name)  # what SQL adds is of this input
    for name, path in sorted(snapshot.tables.items()):
        facts = repr((snapshot.added.get(name), issues))
        added = hashlib.sha256(facts.encode()).hexdigest() if name in snapshot.added else ""
        yield _describe(connection, name, compute_md5(Path(path)), added)
    for name, held in sorted(snapshot.parts.items()):
        paths = list_parts(Path(held).parent, name, Path(held).name)
        md5s = {case_id: compute_md5(path) for case_id, path in paths.items()}
        yield _describe(connection, name, md5s, "")


def _describe(
    connection: duckdb.DuckDBPyConnection, name: str, md5: str | dict[str, str], added: str
) -> _Source:
    """Return a table with the comments that the warehouse has of it, where Spark looks for them."""
    comments = dict(
        connection.execute(
            "select column_name, coalesce(comment, '') from duckdb_columns() where table_name = $1 "
            "union all select '', coalesce(comment, '') from duckdb_views() where view_name = $1",
            [name],
        ).fetchall()
    )
    plain = connection.sql(f"from {quoted(name)} limit 0").to_arrow_table().schema
    schema = pa.schema([field.with_metadata({"comment": comments[field.name]}) for field in plain])
    return _Source(name, schema, comments[""], md5, added)


# --- Delta -------------------------------------------------------------------------------------


def _export_table(
    connection: duckdb.DuckDBPyConnection, source: _Source, folder: Path, about: Mapping[str, str]
) -> Exported:
    """Bring one table to what it is to be, by a commit where it is not that yet.

    Raises:
        UserError: the disk refuses, or what lies there is no Delta table.
    """
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    facts = {MD5: source.md5, ADDED: source.added}
    try:
        table = DeltaTable(folder) if _is_delta(folder) else None
        last: dict[str, Any] = table.history(1)[0] if table else {}
        if table and {name: last.get(name) for name in facts} == facts:
            return Exported(source.name, table.version(), is_new=False)
        _commit(connection, source, folder, table, {**about, **facts})
        return Exported(source.name, DeltaTable(folder).version(), is_new=True)
    except (DeltaError, OSError) as error:
        message = f"{folder}: cannot be written ({' '.join(str(error).split())}). Check the disk."
        raise UserError(message) from error


def _commit(
    connection: duckdb.DuckDBPyConnection,
    source: _Source,
    folder: Path,
    table: DeltaTable | None,
    facts: Mapping[str, Any],
) -> None:
    """Write a version: of changed cases where that is possible, of the whole table elsewhere."""
    from deltalake import CommitProperties, write_deltalake

    changed = _list_changed_cases(source, table)
    where = f"{_CASE} in ({', '.join(map(literal, changed))})" if changed else None
    if table and source.description != table.metadata().description:
        table.alter.set_table_description(source.description)
    write_deltalake(
        folder,
        _read_rows(connection, source, where),
        mode="overwrite",
        predicate=where,
        schema_mode=None if where else "overwrite",
        partition_by=[_CASE] if isinstance(source.md5, dict) else None,
        description=source.description,
        configuration=_CONFIGURATION,
        commit_properties=CommitProperties(custom_metadata=dict(facts)),
    )


def _list_changed_cases(source: _Source, table: DeltaTable | None) -> list[str]:
    """Return the cases whose rows are not those of the last commit; none where all are to go."""
    from deltalake import Schema

    before = table.history(1)[0].get(MD5) if table else None
    if not (table and isinstance(before, dict) and isinstance(source.md5, dict)):
        return []
    if table.schema() != Schema.from_arrow(source.schema):
        return []
    md5s = source.md5
    return sorted(c for c in before.keys() | md5s.keys() if before.get(c) != md5s.get(c))


def _read_rows(
    connection: duckdb.DuckDBPyConnection, source: _Source, where: str | None
) -> pa.RecordBatchReader:
    """Return rows of a table, a batch at a time: voxels may be more than memory holds."""
    sql = f"from {quoted(source.name)}" + (f" where {where}" if where else "")
    batches: Iterable[pa.RecordBatch] = connection.sql(sql).to_arrow_reader()
    documented = (pa.RecordBatch.from_arrays(b.columns, schema=source.schema) for b in batches)
    return pa.RecordBatchReader.from_batches(source.schema, documented)


# --- Which version is which revision -----------------------------------------------------------


def _write_versions(path: Path, about: Mapping[str, str], exported: Iterable[Exported]) -> None:
    """Add a revision to the list of versions, or put it in place of itself."""
    revision = [about[REVISION], about[COMMIT]]
    before: list[list[str]] = []
    if path.is_file():
        with path.open(encoding="utf-8", newline="") as file:
            before = [row for row in csv.reader(file) if row[:2] != revision][1:]
    added = [[*revision, each.table, str(each.version)] for each in exported]
    text = "".join(format_csv(_COLUMNS, [*before, *added]))
    write_atomically(path, lambda target: target.write_text(text, encoding="utf-8"))
