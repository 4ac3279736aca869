"""Differences in SQL: the schema `diff`, with one view per table and a few over all of them.

| view | one row |
|---|---|
| diff.<table> | a changed cell; of an added or removed row, each of its columns; of a table of
  one file per case (voxels): a case whose rows differ, with how many do |
| diff.changes | a changed cell, or an added or removed row, with how unusual that is |
| diff.columns | a column that was added, removed or retyped |
| diff.mask_volumes | a mask that was added, removed or has another volume or other voxels |
| diff.blob_changes | a file that was added, removed, moved or has other bytes |

Rows are matched by the table's key. Values are compared exactly; NaN equals NaN, null equals null.

How unusual a change is, is its size against the spread of that column in the old version, among
rows of the same kind (the same key apart from the case: one feature, one mask set):
- numbers and dates: |new - old| over the interquartile range; where that is 0, over the range;
  where that is 0 too, infinite;
- words, booleans and lists, which have no spread: 1;
- to and from null: n + 1 over the rows that are so already, plus 1;
- rows added or removed: n + 1 over the rows that share that fate, plus 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb

from etl.ask.diff.meanings import GRAIN, GRAIN_OF_PARTS, GRAINS, KEY_COLUMN, MEANINGS
from etl.ask.diff.shape import Pair, pair_tables, read_side, refuse_duplicates
from etl.ask.diff.sql_text import load_sql
from etl.build.index import list_parts_tables
from etl.warehouse.connect import comments, quoted
from etl.warehouse.connect import connect as connect_warehouse
from etl.warehouse.views import table_comment

OLD = "old"
SCHEMA = "diff"
WORKING_TREE = "the working tree"
NAMES = ("the old version", "the new version")


def connect(root: Path, old: str, new: str | None = None) -> duckdb.DuckDBPyConnection:
    """Open the warehouse at `new`, with the version `old` beside it and what changed as `diff.*`.

    Args:
        root: the project.
        old: a git revision; its tables are `old.masks` and so on.
        new: a git revision (default: the working tree).

    Raises:
        UserError: as etl.connect, or a table has two rows of one key.
    """
    connection = connect_warehouse(root, rev=new, attach={OLD: old})
    add_views(connection, names=(old, new or WORKING_TREE))
    return connection


def add_views(
    connection: duckdb.DuckDBPyConnection, *, old: str = OLD, names: tuple[str, str] = NAMES
) -> None:
    """Add the schema `diff` to the current catalog: what changed from catalog `old` to this one.

    Args:
        connection: a warehouse (also a restricted one) with another version attached.
        old: the catalog of the older version.
        names: what errors call the two versions.

    Raises:
        UserError: a table has two rows of one key.
    """
    tables = add_cells(connection, old=old, names=names)
    schema = name_schema(connection)
    changes = load_sql("changes", schema=schema, tables=list_comparable(tables), only=None)
    connection.execute(f"create view {schema}.changes as {changes}")
    connection.execute(";\n".join(_describe_views(connection, schema, tables)))


def add_cells(
    connection: duckdb.DuckDBPyConnection, *, old: str = OLD, names: tuple[str, str] = NAMES
) -> list[Pair]:
    """Add the schema without diff.changes; return the tables of either version."""
    new = find_current_catalog(connection)
    tables = pair_tables(read_side(connection, old), read_side(connection, new))
    refuse_duplicates(connection, list_comparable(tables), names)
    script = load_sql(
        "schema",
        schema=name_schema(connection),
        tables=tables,
        tables_by_name={pair.name: pair for pair in tables},
        listers=list_parts_tables(),
    )
    connection.execute(script)
    return tables


def list_comparable(tables: Sequence[Pair]) -> list[Pair]:
    """Return the tables that have a view of cells: one key, and not one file per case."""
    return [pair for pair in tables if not pair.problem and not pair.has_parts]


def _describe_views(
    connection: duckdb.DuckDBPyConnection, schema: str, tables: list[Pair]
) -> Iterator[str]:
    """Yield the documentation of the schema, in the form that the warehouse's own has."""
    grains = {pair.name: GRAIN_OF_PARTS if pair.has_parts else GRAIN for pair in tables} | GRAINS
    columns_by_view: dict[str, list[str]] = {}
    for view, column in connection.execute(
        "select table_name, column_name from duckdb_columns() "
        "where database_name = current_catalog() and schema_name = ?",
        [SCHEMA],
    ).fetchall():
        columns_by_view.setdefault(view, []).append(column)
    for view, columns in columns_by_view.items():
        comment = table_comment("", grains[view], ())
        meanings = {column: MEANINGS.get(column, KEY_COLUMN) for column in columns}
        yield from comments("view", f"{schema}.{quoted(view)}", comment, meanings)


def find_current_catalog(connection: duckdb.DuckDBPyConnection) -> str:
    """Return the catalog of the newer version."""
    row = connection.execute("select current_catalog()").fetchone()
    return str(row[0]) if row else "memory"


def name_schema(connection: duckdb.DuckDBPyConnection) -> str:
    """Return the full name of the schema `diff`: it holds whatever catalog is in use later."""
    return f"{quoted(find_current_catalog(connection))}.{SCHEMA}"
