"""What a script is made of: tables, views and functions, each with its columns and meanings."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import duckdb
from sqlglot.errors import SqlglotError

from etl.model.errors import UserError
from etl.warehouse import views
from etl.warehouse.connect import INPUTS_SCHEMA
from etl.warehouse.dialects.expand import ListColumns
from etl.warehouse.macros import FOLDER
from etl.warehouse.snapshot import Snapshot
from etl.warehouse.sql_words import scan_parquet

PARQUET = "parquet"  # the folder of the files of tables
BUILT = "built_"  # how a table is called to whose file SQL adds something
# Returns the query of a view or macro in an engine's SQL: text, what DuckDB says, parameters.
Translate = Callable[[str, ListColumns, Collection[str]], str]
_FROM_BUILT = re.compile(r"\bfrom built\b")
_PREFIX = f"case schema_name when '{INPUTS_SCHEMA}' then '{INPUTS_SCHEMA}.' else '' end"
_RELATIONS = f"""
select {_PREFIX} || table_name, comment from duckdb_tables() where not internal
union all select {_PREFIX} || view_name, comment from duckdb_views() where not internal
"""  # noqa: S608  names of ours
_COLUMNS = f"""
select {_PREFIX} || table_name, column_name, comment from duckdb_columns() where not internal
"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Column:
    """A column: name, DuckDB's type, meaning with unit."""

    name: str
    type: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Relation:
    """A table, view or function.

    Attributes:
        source: its name in DuckDB.
        comment: what it holds, what one row is, its key.
        columns: in order.
        query: of a view or function, in the SQL of the engine.
        by_case: whether a table has one file per case.
        parameters: of a function, each a number: name to meaning.
    """

    source: str
    comment: str
    columns: tuple[Column, ...]
    query: str = ""
    by_case: bool = False
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its name in an engine, where all have one schema."""
        return self.source.replace(".", "_")

    @property
    def file(self) -> str:
        """The file of a table, or the folder of its files."""
        return self.name.removeprefix(BUILT) + ("" if self.by_case else ".parquet")


@dataclass(frozen=True, slots=True)
class Parts:
    """All that a script makes, each after what it reads; and what it cannot make, with reasons."""

    tables: list[Relation]
    views: list[Relation]
    functions: list[Relation]
    left_out: dict[str, str]


def collect_parts(
    connection: duckdb.DuckDBPyConnection, snapshot: Snapshot, translate: Translate
) -> Parts:
    """Return the parts of a warehouse that build() has made of a snapshot.

    The connection gets a view more for each table to whose file SQL adds something.
    """
    added = [name for name in snapshot.added if name in snapshot.tables]
    for name in added:
        file = scan_parquet(snapshot.tables[name])
        connection.execute(f"create view {BUILT}{name} as from {file}")
    comments = _read_comments(connection)
    by_case = [name for name in snapshot.parts if name in comments]
    files = [BUILT + name if name in added else name for name in snapshot.tables]
    inputs = [f"{INPUTS_SCHEMA}.{name}" for name in snapshot.inputs]
    texts = {n: _FROM_BUILT.sub(rf"from {BUILT}{n} as built", snapshot.added[n]) for n in added}
    order = views.order_views(snapshot.views, {*snapshot.tables, *by_case})
    texts |= {name: snapshot.views[name] for name in order}
    list_columns = partial(_list_columns, connection)
    left_out: dict[str, str] = {}

    def write_view(name: str, sql: str) -> Relation:
        return _describe(connection, name, comments, query=translate(sql, list_columns, ()))

    def write_function(name: str, sql: str) -> Relation:
        doc = views.parse_doc(name, sql, FOLDER)
        query = translate(sql, list_columns, doc.parameters.keys())
        return _describe_function(connection, name, doc, query)

    macros = {
        n: s for n, s in snapshot.macros.items() if views.find_relations(s) <= comments.keys()
    }
    return Parts(
        [
            _describe(connection, name, comments, by_case=name in by_case)
            for name in (*files, *inputs, *by_case)
        ],
        list(_carry(texts, write_view, left_out)),
        list(_carry(macros, write_function, left_out)),
        left_out,
    )


def _carry(
    texts: Mapping[str, str], write: Callable[[str, str], Relation], left_out: dict[str, str]
) -> Iterator[Relation]:
    """Yield what can be written; note the others in `left_out`, and those that read them."""
    for name, sql in texts.items():
        missing = sorted(views.find_relations(sql) & left_out.keys())
        try:
            if not missing:
                yield write(name, sql)
        except (duckdb.Error, SqlglotError, UserError) as error:
            left_out[name] = str(error).partition("\n")[0]
        else:
            left_out.update((name, f"it reads {relation}") for relation in missing[:1])


def _describe(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    comments: Mapping[str, tuple[str, Mapping[str, str]]],
    **more: Any,  # noqa: ANN401  fields of it
) -> Relation:
    comment, meanings = comments[name.removeprefix(BUILT)]
    columns = _read_columns(connection, f"from {name}", meanings)
    return Relation(name, comment, columns, **more)


def _describe_function(
    connection: duckdb.DuckDBPyConnection, name: str, doc: views.ViewDoc, query: str
) -> Relation:
    call = f"from {name}({', '.join('1' for _ in doc.parameters)})"
    return Relation(
        name,
        views.table_comment(doc.purpose, doc.grain, doc.key),
        _read_columns(connection, call, doc.columns),
        query,
        parameters=doc.parameters,
    )


def _read_columns(
    connection: duckdb.DuckDBPyConnection, query: str, meanings: Mapping[str, str]
) -> tuple[Column, ...]:
    rows = connection.execute(f"describe {query}").fetchall()
    return tuple(Column(row[0], row[1], meanings.get(row[0], "")) for row in rows)


def _list_columns(connection: duckdb.DuckDBPyConnection, query: str) -> list[str]:
    return [column.name for column in _read_columns(connection, query, {})]


def _read_comments(
    connection: duckdb.DuckDBPyConnection,
) -> dict[str, tuple[str, dict[str, str]]]:
    """Return what each table and view holds, and the meanings of its columns."""
    comments: dict[str, tuple[str, dict[str, str]]] = {
        name: (comment or "", {}) for name, comment in connection.execute(_RELATIONS).fetchall()
    }
    for name, column, meaning in connection.execute(_COLUMNS).fetchall():
        comments[name][1][column] = meaning or ""
    return comments
