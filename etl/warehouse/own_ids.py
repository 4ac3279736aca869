"""Case ids of a user's own table that are spelled so that a join would not find them."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from etl.model.profile import Profile
from etl.warehouse.own_table import has_table
from etl.warehouse.sql_words import quoted

_VALUES = 10_000  # of a column, at most: there are fewer cases in any release


@dataclass(frozen=True, slots=True)
class _Column:
    """The values of one column that name cases, by the case that each names."""

    name: str
    count: int  # of distinct values, those that name no case with them
    cases: dict[str, str]

    @property
    def misspelt(self) -> list[str]:
        return [value for value, case in self.cases.items() if value != case]


def warn_of_misspelt_ids(
    connection: duckdb.DuckDBPyConnection, table: str, profile: Profile
) -> str | None:
    """Return a warning where ids of a table name cases and would join to none of their rows.

    `9001.0` (pandas), `ISPY1-9001` (DICOM) and trailing blanks are what tables really hold.

    Args:
        connection: the warehouse with the table.
        table: its name.
        profile: how cases are spelled.
    """
    listed = connection.execute(
        "select case_id from cases" if has_table(connection, "cases") else "select ''"
    ).fetchall()
    cases = {str(row[0]) for row in listed}
    described = connection.execute(f"describe {table}").fetchall()
    columns = [_find_id_column(connection, table, str(row[0]), profile, cases) for row in described]
    column = max(columns, key=lambda column_of_ids: len(column_of_ids.cases))
    if not column.misspelt or 2 * len(column.cases) < column.count:  # numbers of something else
        return None
    value = column.misspelt[0]
    text = f"{table}.{quoted(column.name)}::varchar"
    digits = f"regexp_extract({text}, '[0-9]{{{profile.id_digits}}}')"
    return (
        f"{table}: {len(column.misspelt)} of {column.count} ids in {column.name!r} join to 0 rows: "
        f"{value!r}, here {column.cases[value]!r}. "
        f"Join on case_id = '{profile.id_prefix}' || {digits}"
    )


def _find_id_column(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    column: str,
    profile: Profile,
    cases: set[str],
) -> _Column:
    name = quoted(column)
    rows = connection.execute(
        f"select distinct {name}::varchar from {table} where {name} is not null "  # noqa: S608
        f"order by 1 limit {_VALUES}"
    ).fetchall()
    named = ((str(row[0]), profile.case_id(row[0])) for row in rows)
    known = {value: case for value, case in named if case is not None and case in cases}
    return _Column(column, len(rows), known)
