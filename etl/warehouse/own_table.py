"""A table of the user's own beside those of the warehouse: csv, tsv, parquet, xlsx, or a frame."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import duckdb

from etl.model.errors import UserError
from etl.warehouse.own_workbook import read_own_workbook
from etl.warehouse.sql_words import NO_HIVE, file_literal, quoted, scan_parquet

NAME = re.compile(r"[a-z_][a-z0-9_]*")
NULLS = "('', 'NA', 'N/A', '#N/A', 'NaN', 'nan', 'NULL', 'null', 'None', '<NA>')"
# What all values of a column look like, its type then, and whether the comma is the decimal sign.
KINDS = (
    (r"[+-]?\d{1,18}", "bigint", False),
    (r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", "double", False),
    (r"[+-]?(\d+,?\d*|,\d+)([eE][+-]?\d+)?", "double", True),
    (r"\d{4}-\d\d-\d\d", "date", False),
    ("(?i)true|false", "boolean", False),
)
_THOUSANDS = r"[+-]?[1-9]\d{0,2},\d{3}|\d{1,3}"


def add_table(connection: duckdb.DuckDBPyConnection, name: str, source: object) -> None:
    """Copy a table of the user's own into the warehouse.

    Args:
        connection: the warehouse.
        name: its name in SQL: lower-case letters, digits and `_`; no table's or view's name.
        source: path of a csv, tsv, parquet or xlsx file, or a polars, pandas or Arrow table.

    Raises:
        UserError: the name is taken or unfit, or the source cannot be read.
    """
    check_name(connection, name)
    frame = _read_frame(Path(source)) if isinstance(source, (str, Path)) else source
    try:
        if isinstance(frame, str):
            connection.execute(f"create table {name} as from {frame}")
        else:
            connection.register("_own", frame)
            connection.execute(f"create table {name} as from _own")
            connection.unregister("_own")
    except duckdb.Error as error:
        message = f"{name}: {source} cannot be read ({' '.join(str(error).split())})."
        raise UserError(message) from error
    if isinstance(source, (str, Path)):
        _convert_texts(connection, name)


def check_name(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """Refuse what is no name for a table, or taken.

    Raises:
        UserError: it is.
    """
    if not NAME.fullmatch(name):
        message = f"{name}: no name for a table. Use lower-case letters, digits and _."
        raise UserError(message)
    keyword = "select 1 from duckdb_keywords() where keyword_name = ? and keyword_category = ?"
    if connection.execute(keyword, [name, "reserved"]).fetchone():
        message = f"{name}: SQL has this word for itself. Choose another name."
        raise UserError(message)
    if has_table(connection, name):
        message = f"{name}: the warehouse has a table of this name. Choose another."
        raise UserError(message)


def has_table(connection: duckdb.DuckDBPyConnection, name: str) -> bool:
    """Return whether any catalog has a table or view of this name."""
    sql = "select 1 from duckdb_columns() where table_name = ? and schema_name = 'main'"
    return connection.execute(sql, [name]).fetchone() is not None


def _read_frame(path: Path) -> object:
    """Return a table function call for DuckDB's own formats, a frame for a workbook."""
    if not path.is_file():
        message = f"{path}: no such file. Give a csv, tsv, parquet or xlsx file."
        raise UserError(message)
    # A row that begins with #N/A is no comment.
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return scan_parquet(path.absolute())
    if suffix in (".csv", ".tsv"):
        return f"read_csv({file_literal(path.absolute())}, {NO_HIVE}, comment = '')"
    if suffix != ".xlsx":
        message = f"{path}: {suffix or 'no suffix'}; expected csv, tsv, parquet or xlsx."
        raise UserError(message)
    return read_own_workbook(path)


def _convert_texts(connection: duckdb.DuckDBPyConnection, table: str) -> None:
    """Give text columns the type that all their values have but for null strings, and say so.

    R writes NA, Excel in Europe a decimal comma: as texts, `max` is NA and 9,5 lies above 10,25.
    """
    names = connection.execute(
        "select column_name from duckdb_columns() where table_name = ? and data_type = 'VARCHAR' "
        "and schema_name = 'main' and database_name = current_catalog() order by column_index",
        [table],
    ).fetchall()
    for (name,) in names:
        if note := _convert_text(connection, table, name):
            logging.getLogger(__name__).warning("%s.%s: %s", table, name, note)


def _convert_text(connection: duckdb.DuckDBPyConnection, table: str, name: str) -> str:
    """Give one text column its type; return what a person should know of it, or nothing."""
    column = quoted(name)
    value = f"case when trim({column}) not in {NULLS} then trim({column}) end"
    counts = ", ".join(f"count(*) filter (regexp_full_match(v, '{p}'))" for p, _, _ in KINDS)
    n, n_nulls, n_thousands, *n_like = connection.execute(
        f"select count(v), count(t) - count(v), "  # noqa: S608
        f"count(*) filter (regexp_full_match(v, '{_THOUSANDS}')), {counts} "
        f"from (select {column} as t, {value} as v from {table})"
    ).fetchone() or (0, 0, 0)
    nulls = f"{n_nulls} null strings (such as NA) are null" if n_nulls else ""
    fits = next((kind for kind, k in zip(KINDS, n_like, strict=True) if n and k == n), None)
    if fits is None:
        numbers = max(n_like[:3], default=0)
        if 0 < n <= 2 * numbers:
            return f"stays text: {n - numbers} of {n} values are no number as the others are"
        return f"stays text; {n_nulls} values are null strings such as NA" if n and n_nulls else ""
    _, kind, comma = fits
    if comma and n_thousands == n:
        return "stays text: 1,234 may be 1.234 or 1234; write it without the comma"
    if not (n_nulls or comma):
        return ""  # DuckDB or the workbook knew that these are texts
    shown = f"replace({value}, ',', '.')" if comma else value
    connection.execute(
        f"alter table {table} alter {column} type {kind} using cast({shown} as {kind})"
    )
    return "; ".join(filter(None, (nulls, "the comma is the decimal sign" if comma else "")))
