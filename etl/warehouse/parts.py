"""Tables of one file per case: too large for memory, so that every query reads their files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import duckdb

from etl.model.store import PARTS_OF
from etl.warehouse.sql_words import find_scanned_folders, literal, quoted, scan_parts

_TYPES = {"string": "varchar", "int32": "integer", "bool": "boolean"}


def make_parts(
    connection: duckdb.DuckDBPyConnection,
    parts: Mapping[str, Path | str],
    footers: Mapping[str, Mapping[str, object]],
    storage: Literal["view", "table"],
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Make these tables in the current catalog; yield name and description of each.

    Args:
        connection: where to; the tables that list the files are there.
        parts: table -> folder of its files.
        footers: table -> what its footer says.
        storage: as build() takes it.
    """
    for lister, footer in footers.items():
        about: Any = footer.get(PARTS_OF)
        if not about:
            continue
        name = about["table"]
        if name in parts:
            query = f"from {scan_parts(parts[name])}"
        elif not connection.execute(f"select 1 from {quoted(lister)} limit 1").fetchall():  # noqa: S608  quoted
            blanks = (
                f"null::{_TYPES.get(kind, kind)} as {quoted(column)}"
                for column, kind in about["kinds"]
            )
            query = f"select {', '.join(blanks)} limit 0"
        else:
            continue  # the files are not here
        connection.execute(f"create {storage} {quoted(name)} as {query}")
        yield name, about


def allow_parts(connection: duckdb.DuckDBPyConnection) -> None:
    """Let the views read their folders, and a remote, where all other files are shut off.

    A query cannot name a file in them: it has no function that reads one.
    """
    rows = connection.execute(
        "select sql from duckdb_views() where sql like '%hive_types%'"
    ).fetchall()
    folders = [folder for (sql,) in rows for folder in find_scanned_folders(sql)]
    folders += [f"{scheme}://" for scheme in connection.list_filesystems()]
    if folders:
        listed = ", ".join(map(literal, folders))
        connection.execute(f"set allowed_directories = [{listed}]")
