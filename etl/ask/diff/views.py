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

How unusual a change is: see etl.ask.diff.ranks.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from string import Template

import duckdb

from etl.ask.diff.blobs import write_blob_changes, write_mask_volumes
from etl.ask.diff.meanings import GRAIN, GRAIN_OF_PARTS, GRAINS, KEY_COLUMN, MEANINGS
from etl.ask.diff.ranks import write_changes
from etl.ask.diff.shape import (
    Pair,
    is_number,
    join_names,
    load_sql,
    pair_tables,
    read_side,
    refuse_duplicates,
)
from etl.build.index import list_parts_tables
from etl.warehouse.connect import comments, literal, quoted
from etl.warehouse.connect import connect as connect_warehouse
from etl.warehouse.views import table_comment

OLD = "old"
SCHEMA = "diff"
WORKING_TREE = "the working tree"
NAMES = ("the old version", "the new version")


_CELL = Template("""{'column': $name, 'old': $old::varchar, 'new': $new::varchar,
    'differs': $differs}""")
# A table that is all key has a cell of no column, so that added and removed rows are seen.
_NO_CELL = "{'column': null::varchar, 'old': null::varchar, 'new': null::varchar, 'differs': false}"


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
    tables = [pair for pair in add_cells(connection, old=old, names=names) if not pair.problem]
    schema = name_schema(connection)
    in_cells = [pair for pair in tables if not pair.has_parts]
    connection.execute(f"create view {schema}.changes as {write_changes(in_cells, schema)}")
    connection.execute(";\n".join(_describe_views(connection, schema, tables)))


def add_cells(
    connection: duckdb.DuckDBPyConnection, *, old: str = OLD, names: tuple[str, str] = NAMES
) -> list[Pair]:
    """Add the schema without diff.changes; return the tables of either version."""
    new = find_current_catalog(connection)
    tables = pair_tables(read_side(connection, old), read_side(connection, new))
    comparable = [pair for pair in tables if pair.problem is None]
    in_cells = [pair for pair in comparable if not pair.has_parts]
    refuse_duplicates(connection, in_cells, names)
    schema = name_schema(connection)
    script = [f"create schema {schema}"]
    script += [_write_cells(pair, schema) for pair in in_cells]
    by_name = {pair.name: pair for pair in tables}
    script += [
        _write_parts(pair, by_name[list_parts_tables()[pair.name]], schema)
        for pair in comparable
        if pair.has_parts
    ]
    script += [_write_columns(tables, schema)]
    script += [*write_mask_volumes(tables, schema), *write_blob_changes(tables, schema)]
    connection.execute(";\n".join(script))
    return tables


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


def _write_cells(pair: Pair, schema: str) -> str:
    return load_sql(
        "view_cells",
        schema=schema,
        table=quoted(pair.name),
        key_names=join_names(pair.key),
        keys=", ".join(f"coalesce(o.{quoted(k)}, n.{quoted(k)}) as {quoted(k)}" for k in pair.key),
        cells=", ".join(_write_cell(pair, name) for name in pair.values) or _NO_CELL,
        old=pair.old_source,
        new=pair.new_source,
        match=_match(pair),
    )


def _write_parts(pair: Pair, lister: Pair, schema: str) -> str:
    """Return the view that counts rows by case: a case has 70,000."""
    return load_sql(
        "view_parts",
        schema=schema,
        table=quoted(pair.name),
        values=f"row({join_names(pair.common)})",
        old=pair.old_source,
        new=pair.new_source,
        old_lister=lister.old_source,
        new_lister=lister.new_source,
        match=_match(pair),
    )


def _match(pair: Pair) -> str:
    return " and ".join(f"o.{quoted(k)} = n.{quoted(k)}" for k in pair.key)


def _write_cell(pair: Pair, name: str) -> str:
    """Return the cell of a column; that of one version only is no change of a row of both."""
    old, new = (
        _name_side(pair.old or pair.new, "o", name),
        _name_side(pair.new or pair.old, "n", name),
    )
    differs = f"{old} is distinct from {new}" if name in pair.common else "false"
    kinds = pair.old.get(name), pair.new.get(name)
    if all(kinds) and kinds[0] != kinds[1] and name in pair.common:
        kind = "double" if all(map(is_number, kinds)) else "varchar"
        differs = f"{old}::{kind} is distinct from {new}::{kind}"
    return _CELL.substitute(name=literal(name), old=old, new=new, differs=differs)


def _name_side(columns: dict[str, str], alias: str, name: str) -> str:
    return f"{alias}.{quoted(name)}" if name in columns else "null"


def _write_columns(tables: list[Pair], schema: str) -> str:
    rows = [
        f"({', '.join(map(literal, (pair.name, *change)))})"
        for pair in tables
        for change in pair.list_column_changes()
    ]
    names = '("table", "column", change, old_type, new_type)'
    empty = "(null::varchar, null::varchar, null::varchar, null::varchar, null::varchar)"
    values = ", ".join(rows) or empty
    return (
        f"create view {schema}.columns as from (values {values}) as changed {names} "
        'where "table" is not null'
    )
