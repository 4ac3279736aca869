"""`connect()`: the tables and views of the project in DuckDB, every one of them documented."""

from __future__ import annotations

import json
import re
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import duckdb

from etl.model import git_tables
from etl.model.errors import UserError
from etl.model.project import find_root
from etl.model.schema import SCHEMA_VERSION
from etl.warehouse import macros, views
from etl.warehouse.feature_matrix import spread_lists
from etl.warehouse.limits import interruptible
from etl.warehouse.own_table import add_table, check_name
from etl.warehouse.parts import make_parts
from etl.warehouse.remote import open_files, raise_sentence
from etl.warehouse.snapshot import VIEWS, Snapshot, take_revision, take_working_tree
from etl.warehouse.sql_words import as_pattern, literal, quoted, scan_parquet

__all__ = [
    "VIEWS",
    "Snapshot",
    "as_pattern",
    "connect",
    "literal",
    "quoted",
    "take_working_tree",
]

# Names that are no name for an attached version: they mean something else before a dot.
RESERVED = frozenset(
    {"main", "memory", "system", "temp", "inputs", "kept", "diff"}
    | {"information_schema", "pg_catalog"}
)
KEPT_CATALOGS = 8  # of revisions; of the working tree one
INPUTS_SCHEMA = "inputs"
BROKEN = "Broken: "  # how the comment of a view begins that cannot be made
_UNPACKED = re.compile(r"\*columns\('([^']+)'\)")
_TYPES = {"string": "varchar", "int64": "bigint", "double": "double", "bool": "boolean"}

Storage = Literal["view", "table"]


def connect(
    project: Path | str | None = None,
    *,
    rev: str | None = None,
    attach: Mapping[str, str] | None = None,
    tables: Mapping[str, object] | None = None,
    remote: bool = False,
) -> duckdb.DuckDBPyConnection:
    """Open the warehouse: an in-memory DuckDB with every table that is built and every view.

    A view whose tables are not built yet is left out. One that is broken stands as a view that no
    query can read: the error of such a query, and a warning here, say why.

    Args:
        project: a folder of the project (default: the current one).
        rev: open it as it was at this git revision (tag, branch, hash, `HEAD~2`), with the views
            of that revision and without a checkout. Default: what lies in the working tree now;
            tables that a build replaces later are seen by a new connection.
            `HEAD` stays one consistent state while a build writes.
        attach: further versions by a name of their own: `{"old": "v1.0"}` makes `old.masks` and
            `old.volumes`, beside `main.masks` or `masks`.
        tables: tables of your own by name: the path of a csv, parquet or xlsx file, or a polars,
            pandas or Arrow table. They are copied into memory.
        remote: read the tables of `rev` and `attach` where they lie in today's DVC remote, and of
            them what a query needs. Default: all of them are fetched into the cache.

    Raises:
        UserError: no project here, an unknown revision, one without tables, a table that neither
            cache nor remote holds, a file that cannot be read, a name that is taken, or a remote
            that cannot be used.
    """
    root = find_root(None if project is None else Path(project))
    cache = root / ".dvc" / "tmp" / "ispy1" if (root / ".dvc").is_dir() else None
    connection = duckdb.connect()
    if remote and not (rev or attach):
        message = "--remote: reads the tables of a version. Name it, such as --rev HEAD."
        raise UserError(message)
    files = open_files(connection, root) if remote else None
    snapshot = take_working_tree(root) if rev is None else take_revision(root, rev, files)
    fill(connection, snapshot, cache=cache)
    for reason in find_broken_views(connection).values():
        warnings.warn(reason, stacklevel=2)
    for name, source in (tables or {}).items():
        add_table(connection, name, source)
    for name, revision in (attach or {}).items():
        _attach(connection, name, take_revision(root, revision, files), cache)
    return connection


def _attach(
    connection: duckdb.DuckDBPyConnection, name: str, snapshot: Snapshot, cache: Path | None
) -> None:
    """Put a version into a catalog of its own: in a schema its views would read today's tables."""
    if name in RESERVED:
        message = f"{name}: DuckDB or the warehouse uses this name. Choose another, such as old."
        raise UserError(message)
    check_name(connection, name)
    catalog = _read_current_catalog(connection)
    connection.execute(f"attach ':memory:' as {quoted(name)}; use {quoted(name)}")
    fill(connection, snapshot, cache=cache)
    macros.make_macros(connection, snapshot.macros, name)
    connection.execute(f"use {quoted(catalog)}")


def fill(connection: duckdb.DuckDBPyConnection, snapshot: Snapshot, *, cache: Path | None) -> None:
    """Put tables, views and comments of a snapshot into the current catalog of a connection.

    A thousand comments take half a second, a copy of a finished catalog a few milliseconds: so the
    finished catalog (definitions and the small inputs, no table data) is kept in the folder
    `cache`. It may be deleted at any time.
    """
    kind = "revision" if snapshot.revision else "catalog"
    catalog_file = cache / f"{kind}-{snapshot.key}.duckdb" if cache else None
    if catalog_file and catalog_file.is_file() and _copy_catalog(connection, catalog_file):
        return
    interruptible(connection, lambda: build(connection, snapshot, storage="view"))
    if catalog_file and not find_broken_views(connection):  # another program may make them
        _keep_catalog(connection, catalog_file)


def _copy_catalog(connection: duckdb.DuckDBPyConnection, catalog_file: Path) -> bool:
    catalog = quoted(_read_current_catalog(connection))
    try:
        connection.execute(
            f"attach {literal(str(catalog_file))} as kept (read_only); "
            f"copy from database kept to {catalog}; detach kept"
        )
    except duckdb.Error:  # a damaged file: the catalog is made again
        connection.execute("detach database if exists kept")
        with suppress(OSError):  # a reader needs no disk that can be written
            catalog_file.unlink(missing_ok=True)
        return False
    return True


def _keep_catalog(connection: duckdb.DuckDBPyConnection, catalog_file: Path) -> None:
    catalog = quoted(_read_current_catalog(connection))
    try:
        catalog_file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=catalog_file.parent) as scratch:
            fresh = Path(scratch) / "catalog.duckdb"
            connection.execute(
                f"attach {literal(str(fresh))} as kept; copy from database {catalog} to kept; "
                "detach kept"
            )
            fresh.replace(catalog_file)
            _forget_others(catalog_file)
    except (OSError, duckdb.Error):  # a read-only or full disk works as well, only slower
        connection.execute("detach database if exists kept")


def _forget_others(catalog_file: Path) -> None:
    """Delete older catalogs of the same kind: one of the working tree stays, a few of revisions."""
    kind = catalog_file.name.partition("-")[0]
    catalog_files = sorted(
        catalog_file.parent.glob(f"{kind}-*.duckdb"), key=lambda path: path.stat().st_mtime
    )
    for old in catalog_files[: -(KEPT_CATALOGS if kind == "revision" else 1)]:
        old.unlink(missing_ok=True)


def _read_current_catalog(connection: duckdb.DuckDBPyConnection) -> str:
    row = connection.execute("select current_catalog()").fetchone()
    return str(row[0]) if row else "memory"


def build(connection: duckdb.DuckDBPyConnection, snapshot: Snapshot, *, storage: Storage) -> None:
    """Make tables, views and comments of a snapshot in the current catalog.

    Args:
        connection: where to.
        snapshot: what.
        storage: `view` reads the table files at each query; `table` copies their rows, so that
            the result needs no file.

    Raises:
        UserError: a table file or a view cannot be used.
    """
    footers = _read_footers(connection, snapshot)
    script = (
        *_write_inputs_script(snapshot.inputs),
        *_write_tables_script(snapshot, footers, storage),
    )
    try:
        connection.execute(";\n".join(script))
        parts = dict(make_parts(connection, snapshot.parts, footers, storage))
    except duckdb.Error as error:
        raise_sentence(error)
        raise UserError(_describe_unusable(error, footers)) from error
    for name, about in parts.items():
        connection.execute(";\n".join(_comment_table(name, about, storage)))
    order = views.order_views(snapshot.views, {*snapshot.tables, *parts})
    docs = dict(_make_views(connection, snapshot, footers, order))
    connection.execute(";\n".join(_comment_views(connection, docs)) or "select 1")
    macros.make_macros(connection, snapshot.macros)


def _make_views(
    connection: duckdb.DuckDBPyConnection,
    snapshot: Snapshot,
    footers: Mapping[str, dict[str, object]],
    order: list[str],
) -> Iterator[tuple[str, views.ViewDoc]]:
    """Make the views; yield the documentation of each.

    A revision may hold a view that this program's SQL or inputs do not serve: it is left out as
    one whose tables are not built, and a query that names it is told so.
    """
    for name in order:
        try:
            doc = views.parse_doc(name, snapshot.views[name])
            sql = _name_unpacked(connection, spread_lists(snapshot.views[name]))
            connection.execute(f"create view {name} as {sql}")
        except (duckdb.Error, UserError) as error:
            raise_sentence(error)
            if snapshot.revision:
                continue
            if any(footer.get("schema_version") != SCHEMA_VERSION for footer in footers.values()):
                raise UserError(_describe_unusable(error, footers)) from error
            path = f"{VIEWS}/{name}.sql"
            message = str(error).partition("\n")[0].removeprefix(f"{path}: ")
            reason = f"{path} is broken: {message}"
            connection.execute(f"create view {name} as select error({literal(reason)}) as broken")
            doc = views.ViewDoc(f"{BROKEN}{reason}", "Nothing, as it is broken")
        yield name, doc


def _name_unpacked(connection: duckdb.DuckDBPyConnection, sql: str) -> str:
    """Return a view with names for `*columns(...)` of voxels: DuckDB 1.2 cannot show it else."""

    def list_names(unpacked: re.Match[str]) -> str:
        names = connection.execute(
            "select column_name from duckdb_columns() where database_name = current_catalog() "
            "and table_name = 'voxels' and regexp_full_match(column_name, $1)",
            [unpacked[1]],
        ).fetchall()
        return ", ".join(quoted(name) for (name,) in names) or unpacked[0]

    return _UNPACKED.sub(list_names, sql)


def find_broken_views(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """Return the views that cannot be made, and why."""
    rows = connection.execute(
        "select view_name, comment from duckdb_views() "
        "where database_name = current_catalog() and starts_with(comment, ?)",
        [BROKEN],
    ).fetchall()
    return {name: comment.removeprefix(BROKEN).partition(" Grain: ")[0] for name, comment in rows}


def _describe_unusable(error: Exception, footers: Mapping[str, dict[str, object]]) -> str:
    reason = " ".join(str(error).split())
    for name, footer in footers.items():
        version = footer.get("schema_version")
        if version != SCHEMA_VERSION:
            return (
                f"data/tables/{name}.parquet: has schema version {version}, this program's views "
                f"need {SCHEMA_VERSION} ({reason}). Run `ispy1 repro`."
            )
    return f"The views cannot be made: {reason}. Check sql/views."


def _read_footers(
    connection: duckdb.DuckDBPyConnection, snapshot: Snapshot
) -> dict[str, dict[str, object]]:
    """Return every table file's footer (by DuckDB: pyarrow takes longer to import)."""
    by_path = {str(path): name for name, path in snapshot.tables.items()}
    if not by_path:
        return {}
    try:
        rows = connection.execute(
            "select file_name, value::blob from parquet_kv_metadata(?) where key = 'ispy1'",
            [[as_pattern(path) for path in by_path]],
        ).fetchall()
    except duckdb.Error as error:
        raise_sentence(error)
        reason = " ".join(str(error).split())
        for path, name in by_path.items():  # readers hold it under another name
            reason = reason.replace(path, f"{name}.parquet")
        raise UserError(_describe_damaged(snapshot, reason)) from error
    return {by_path[path]: _read_footer(snapshot, path, value) for path, value in rows}


def _describe_damaged(snapshot: Snapshot, reason: str) -> str:
    where, todo = "data/tables: a file", "Run `ispy1 repro --force`, or `dvc checkout`"
    if any(isinstance(path, str) for path in snapshot.tables.values()):
        where, todo = f"{snapshot.revision}: a file of the remote", "Push it again"
    elif snapshot.revision:
        where, todo = f"{snapshot.revision}: a file of the DVC cache", "Run `ispy1 fsck`"
    return f"{where} is no table ({reason}). {todo}."


def _read_footer(snapshot: Snapshot, path: str, value: bytes) -> dict[str, object]:
    try:
        footer: dict[str, object] = json.loads(value)
        if not isinstance(footer["columns"], dict) or not isinstance(footer["key"], list):
            raise TypeError  # noqa: TRY301  one sentence for every damage
    except (ValueError, KeyError, TypeError) as error:
        name = next(n for n, table in snapshot.tables.items() if str(table) == path)
        where = f"{snapshot.revision}: " if snapshot.revision else ""
        message = (
            f"{where}data/tables/{name}.parquet: its footer is damaged; expected what this program "
            "wrote. `ispy1 fsck` names the command that repairs it."
        )
        raise UserError(message) from error
    return footer


def _write_inputs_script(rows: Mapping[str, git_tables.Rows]) -> Iterator[str]:
    yield f"create schema {INPUTS_SCHEMA}"
    for name, schema in git_tables.SCHEMAS.items():
        if name not in rows:
            continue
        table = f"{INPUTS_SCHEMA}.{name}"
        columns = ", ".join(f"{c.name} {_TYPES[c.kind]}" for c in schema.columns)
        yield f"create table {table} ({columns})"
        values = [f"({', '.join(map(literal, row))})" for row in rows[name]]
        if values:
            yield f"insert into {table} values {', '.join(values)}"  # noqa: S608  literals are quoted
        meanings = {c.name: with_unit(c.meaning, c.unit) for c in schema.columns}
        comment = views.table_comment("", schema.grain, schema.key)
        yield from comments("table", table, comment, meanings)


def _write_tables_script(
    snapshot: Snapshot, footers: Mapping[str, dict[str, object]], storage: Storage
) -> Iterator[str]:
    # What SQL adds is of this input; a revision may hold it in a form of another time.
    added = snapshot.added if git_tables.KNOWN_ISSUES.name in snapshot.inputs else {}
    for name, path in snapshot.tables.items():
        file = f"from {scan_parquet(path)}"
        query = f"with built as ({file}) from (\n{added[name]}\n)" if name in added else file
        yield f"create {storage} {name} as {query}"
        footer = footers.get(name)
        if footer:  # a file that the project did not write has no documentation
            yield from _comment_table(name, footer, storage)


def _comment_table(name: str, footer: Mapping[str, object], storage: Storage) -> Iterator[str]:
    columns: Any = footer["columns"]
    key: Any = footer["key"]
    meanings = {column: with_unit(d["meaning"], d["unit"]) for column, d in columns.items()}
    yield from comments(storage, name, views.table_comment("", str(footer["grain"]), key), meanings)


def _comment_views(
    connection: duckdb.DuckDBPyConnection, docs: Mapping[str, views.ViewDoc]
) -> Iterator[str]:
    columns: dict[str, list[str]] = {}
    for view, column in connection.execute(
        "select table_name, column_name from duckdb_columns() "
        "where schema_name = 'main' and database_name = current_catalog() order by column_index"
    ).fetchall():
        columns.setdefault(view, []).append(column)
    for name, doc in docs.items():
        meanings = dict(doc.columns)
        meaning = meanings.pop(views.EVERY_OTHER, None)
        if meaning:
            meanings |= {column: meaning for column in columns[name] if column not in meanings}
        comment = views.table_comment(doc.purpose, doc.grain, doc.key)
        yield from comments("view", name, comment, meanings)


def hide_python_objects(connection: duckdb.DuckDBPyConnection) -> None:
    """Let a table that is missing be missing, and not the Python object of the same name."""
    connection.execute("set python_enable_replacements = false")


def fetch_rows(cursor: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """Return the rows of an answer as dicts."""
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def comments(kind: str, name: str, comment: str, columns: Mapping[str, str]) -> Iterator[str]:
    """Yield the statements that document one table or view and its columns."""
    yield f"comment on {kind} {name} is {literal(comment)}"
    for column, meaning in columns.items():
        yield f"comment on column {name}.{quoted(column)} is {literal(meaning)}"


def with_unit(meaning: str, unit: str) -> str:
    """Return `meaning [unit]`, or the meaning alone."""
    return f"{meaning} [{unit}]" if unit else meaning
