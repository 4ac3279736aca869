"""The tables as Delta tables: what a revision changed in a table is a version of that table.

Their files are those that DVC keeps, copied as they are and named by their MD5: a case that did not
change is not written, and a version that was there before needs no new file.
"""

from __future__ import annotations

import csv
import hashlib
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from etl.model.digests import compute_md5
from etl.model.errors import UserError
from etl.model.git_tables import KNOWN_ISSUES
from etl.model.project import refuse_inputs
from etl.model.store import list_parts, require_tables, write_atomically, write_text
from etl.text.output import format_csv
from etl.versions import git
from etl.warehouse.connect import fill
from etl.warehouse.export import LOCK, hold_folder
from etl.warehouse.snapshot import Snapshot, take_revision, take_working_tree
from etl.warehouse.sql_words import literal, quoted

if TYPE_CHECKING:
    from deltalake import DeltaTable
    from deltalake.transaction import AddAction

WORKING_TREE = "working tree"
VERSIONS = "versions.csv"  # which version of which table is which revision
# What a commit says of itself.
REVISION, COMMIT, MD5 = "ispy1.revision", "ispy1.commit", "ispy1.md5"
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

    `files`: path in the Delta table -> the file to copy there, None where SQL adds to its rows.
    `md5`: of its file; empty where it has one per case, whose names say theirs.
    """

    name: str
    schema: pa.Schema
    description: str
    md5: str
    files: Mapping[str, Path | None]

    @property
    def partitions(self) -> list[str]:
        """The columns that are in the paths of its files alone."""
        return [] if self.md5 else [_CASE]


def export_delta(
    root: Path,
    target: Path,
    *,
    rev: str | None = None,
    force: bool = False,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> list[Exported]:
    """Bring the Delta tables in a folder to what a version holds; return the version of each.

    A table whose files are there gets no version. Of one with a file per case, the partitions of
    changed cases alone are replaced. `versions.csv` says which version is which revision.

    Args:
        root: the project.
        target: the folder; made where it does not exist.
        rev: the git revision (default: the working tree).
        force: write into a folder that holds something else.
        progress: called with tables written and tables to write.

    Raises:
        UserError: deltalake is not installed, the folder holds something else or is the project's,
            another export writes into it, nothing is built, an unknown revision, or the disk
            refuses.
    """
    _require_library()
    refuse_inputs(root, target, ())
    commit = "" if rev is None else git.resolve(root, rev).commit
    if rev is None:
        require_tables(root)
    snapshot = take_working_tree(root) if rev is None else take_revision(root, rev)
    about = {REVISION: rev or WORKING_TREE, COMMIT: commit}
    with hold_folder(target), duckdb.connect() as connection:
        _refuse_others(target, {*snapshot.tables, *snapshot.parts}, force=force)
        fill(connection, snapshot, cache=None)
        exported: list[Exported] = []
        for source in _list_sources(connection, snapshot):
            progress(len(exported), len(snapshot.tables) + len(snapshot.parts))
            exported.append(_export_table(connection, source, target / source.name, about))
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
    strange = [
        path.name
        for path in target.iterdir()
        if path.name not in {LOCK, VERSIONS}
        and not (_is_delta(path) or (path.name in tables and _is_half_written(path)))
    ]
    if strange and not force:
        message = f"{target}: holds {min(strange)}. Name another folder, or add --force."
        raise UserError(message)


def _is_delta(folder: Path) -> bool:
    return any((folder / _LOG).glob("*.json"))


def _is_half_written(folder: Path) -> bool:
    return folder.is_dir() and all(
        path.name == _LOG or path.name.startswith(f"{_CASE}=") or ".parquet" in path.name
        for path in folder.iterdir()
    )


# --- What is exported --------------------------------------------------------------------------


def _list_sources(connection: duckdb.DuckDBPyConnection, snapshot: Snapshot) -> Iterator[_Source]:
    issues = snapshot.inputs.get(KNOWN_ISSUES.name)  # what SQL adds is of this input
    for name, path in sorted(snapshot.tables.items()):
        md5 = compute_md5(Path(path))
        files: dict[str, Path | None] = {f"{md5}.parquet": Path(path)}
        if name in snapshot.added:
            facts = repr((md5, snapshot.added[name], issues))
            files = {f"{hashlib.sha256(facts.encode()).hexdigest()[:32]}.parquet": None}
        yield _Source(name, *_describe(connection, name), md5, files)
    for name, folder in sorted(snapshot.parts.items()):
        paths = list_parts(Path(folder).parent, name, Path(folder).name).items()
        parts = {f"{_CASE}={case}/{compute_md5(path)}.parquet": path for case, path in paths}
        yield _Source(name, *_describe(connection, name), "", parts)


def _describe(connection: duckdb.DuckDBPyConnection, name: str) -> tuple[pa.Schema, str]:
    """Return columns and description, with the comments where Spark looks for them."""
    comments = dict(
        connection.execute(
            "select column_name, coalesce(comment, '') from duckdb_columns() where table_name = $1 "
            "union all select '', coalesce(comment, '') from duckdb_views() where view_name = $1",
            [name],
        ).fetchall()
    )
    plain = connection.sql(f"from {quoted(name)} limit 0").to_arrow_table().schema
    schema = pa.schema([field.with_metadata({"comment": comments[field.name]}) for field in plain])
    return schema, comments[""]


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

    try:
        table = DeltaTable(folder) if _is_delta(folder) else None
        present = _list_files(source, table)
        if table and present == source.files.keys():
            return Exported(source.name, table.version(), is_new=False)
        new = sorted(source.files.keys() - present)
        adds = [_add_file(connection, source, folder, path) for path in new]
        _commit(source, folder, table, adds, about)
        return Exported(source.name, DeltaTable(folder).version(), is_new=True)
    except (DeltaError, OSError) as error:
        message = f"{folder}: cannot be written ({' '.join(str(error).split())}). Check the disk."
        raise UserError(message) from error


def _list_files(source: _Source, table: DeltaTable | None) -> set[str]:
    """Return the paths of the files that a Delta table has now."""
    depth = 1 + len(source.partitions)
    return {"/".join(uri.split("/")[-depth:]) for uri in table.file_uris()} if table else set()


def _add_file(
    connection: duckdb.DuckDBPyConnection, source: _Source, folder: Path, path: str
) -> AddAction:
    """Put a file in place, whole or not at all; return it as Delta lists it."""
    from deltalake.transaction import AddAction

    def write(target: Path) -> None:
        if original := source.files[path]:
            shutil.copyfile(original, target)
            return
        to = literal(str(target))
        connection.execute(f"copy (from {quoted(source.name)}) to {to} (format parquet)")

    if not (folder / path).is_file():
        write_atomically(folder / path, write)
    stat = (folder / path).stat()
    values = {_CASE: _read_case(path)} if source.partitions else {}
    return AddAction(path, stat.st_size, values, int(stat.st_mtime * 1000), True, "{}")  # noqa: FBT003


def _read_case(path: str) -> str:
    return path.split("/")[0].removeprefix(f"{_CASE}=")


def _commit(
    source: _Source,
    folder: Path,
    table: DeltaTable | None,
    adds: list[AddAction],
    about: Mapping[str, str],
) -> None:
    """Make a version: with these files in place of the table's, or of changed cases'."""
    from deltalake import CommitProperties, Schema
    from deltalake.transaction import create_table_with_add_actions

    schema = Schema.from_arrow(source.schema)
    properties = CommitProperties(custom_metadata={**about, MD5: source.md5})
    if table is None:
        create_table_with_add_actions(
            str(folder), schema, adds, "error", source.partitions, description=source.description,
            configuration=_CONFIGURATION, commit_properties=properties,
        )  # fmt: skip
        return
    if source.description != table.metadata().description:
        table.alter.set_table_description(source.description)
    changed = _list_files(source, table) ^ source.files.keys()
    cases = [(_CASE, "in", sorted(set(map(_read_case, changed))))]
    table.create_write_transaction(
        [*adds], "overwrite", schema, source.partitions, cases if source.partitions else None,
        commit_properties=properties,
    )  # fmt: skip


# --- Which version is which revision -----------------------------------------------------------


def _write_versions(path: Path, about: Mapping[str, str], exported: Iterable[Exported]) -> None:
    """Add a revision to the list of versions, or put it in place of itself."""
    revision = [about[REVISION], about[COMMIT]]
    before: list[list[str]] = []
    if path.is_file():
        with path.open(encoding="utf-8", newline="") as file:
            before = [row for row in csv.reader(file) if row[:2] != revision][1:]
    added = [[*revision, table.table, str(table.version)] for table in exported]
    write_text(path, "".join(format_csv(_COLUMNS, [*before, *added])))
