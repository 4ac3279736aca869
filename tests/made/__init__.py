"""Made tables: a file of SQL per table gives the columns that matter, its declaration the rest."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from contract import declared

from etl.model.project import TABLES
from etl.model.schema import Column, Table, TableSchema
from etl.model.store import describe_parts, part_path, serialize_part, table_path, write_table
from etl.warehouse.connect import quoted

META = {"recipe": "r", "dataset": "ISPY1-PHANTOM", "licence": "CC0 1.0", "attribution": "none"}
_BLANKS = {"string": "'-'", "bool": "false", "int64": "0", "double": "0"}
_SQL_TYPES = {
    "string": "varchar", "int32": "integer", "int64": "bigint", "list<double>": "double[]",
    "list<string>": "varchar[]",
}  # fmt: skip


def fill_table(connection: duckdb.DuckDBPyConnection, schema: TableSchema, sql: str) -> pa.Table:
    """Create a table from the columns that a query gives, and return it.

    The others are null where the declaration allows it, and a blank elsewhere.
    """
    columns = ", ".join(map(_define, schema.columns))
    connection.execute(f"create table {quoted(schema.name)} ({columns})")
    if sql:
        connection.execute(f"insert into {quoted(schema.name)} by name select * from (\n{sql}\n)")
    return connection.table(schema.name).to_arrow_table()


def _define(column: Column) -> str:
    text = f"{quoted(column.name)} {_SQL_TYPES.get(column.kind, column.kind)}"
    return text if column.nullable else f"{text} not null default {_BLANKS.get(column.kind, '[]')}"


def make_tables(files: Path, given: Mapping[str, pa.Table] | None = None) -> dict[str, pa.Table]:
    """Return every declared table; those without a file in the folder `files` have no rows.

    A file may read the tables of other files, and those that are `given`.
    """
    queries = {path.stem: path.read_text("utf-8") for path in files.glob("*.sql")}
    schemas = declared()
    with duckdb.connect() as connection:
        for name, table in (given or {}).items():
            connection.register(name, table)
        return {
            name: fill_table(connection, schemas[name], queries.get(name, ""))
            for name in _order(queries, list(schemas))
        }


def write_tables(root: Path, tables: Mapping[str, pa.Table]) -> None:
    """Write tables where a build would."""
    schemas = declared()
    for name, table in tables.items():
        of = getattr(schemas[name], "parts", "")
        meta = META | (describe_parts(schemas[of]) if of else {})
        if isinstance(schemas[name], Table):
            write_table(schemas[name], table, table_path(root / TABLES, name), meta=meta)
        else:
            _write_parts(root, name, table)


def _write_parts(root: Path, name: str, table: pa.Table) -> None:
    for case_id in table["case_id"].unique().to_pylist():
        rows = table.filter(pc.field("case_id") == case_id).drop_columns("case_id")
        path = part_path(root / TABLES, name, case_id)
        path.parent.mkdir(parents=True)
        path.write_bytes(serialize_part(name, rows.combine_chunks()))


def _order(queries: dict[str, str], names: list[str]) -> Iterator[str]:
    """Yield the names, each behind those that its query names."""
    while names:
        name = next(n for n in names if not _named_in(queries.get(n, "")) & {*names} - {n})
        names.remove(name)
        yield name


def _named_in(sql: str) -> set[str]:
    return set(re.findall(r"(?:from|join|,)\s+(\w+)", sql))
