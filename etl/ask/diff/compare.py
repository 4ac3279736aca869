"""The difference of two versions: masks first, then coverage, values, files, counts."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import duckdb

from etl.ask.diff.records import Difference, Row
from etl.ask.diff.shape import Pair
from etl.ask.diff.sql_text import load_sql
from etl.ask.diff.views import (
    OLD,
    SCHEMA,
    WORKING_TREE,
    add_cells,
    find_current_catalog,
    list_comparable,
    name_schema,
)
from etl.model.errors import UserError
from etl.warehouse.connect import connect as connect_warehouse
from etl.warehouse.connect import fetch_rows, quoted

_MASKS = f"from {SCHEMA}.mask_volumes order by unusual desc nulls last, change, case_id, mask"
_BLOBS = f"from {SCHEMA}.blob_changes order by change, path"
_NO_DICE = {"dice_note": "not asked for"}
SUMMARIES = {"label_summary": "mask", "case_counts": "name"}  # view -> its key


def compare(
    root: Path,
    old: str,
    new: str | None = None,
    *,
    dice: bool = True,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> Difference:
    """Find what changed from one version to another.

    Args:
        root: the project.
        old: a git revision.
        new: a git revision (default: the working tree).
        dice: lay the two versions of each changed mask over each other.
        progress: called with steps done and steps to do: each mask, then all values.

    Raises:
        UserError: an unknown revision, one without tables, or a table with two rows of one key.
    """
    names = (old, new or WORKING_TREE)
    with connect_warehouse(root, rev=new, attach={OLD: old}) as connection:
        tables = add_cells(connection, names=names)
        if not any(pair.new for pair in tables):
            message = (
                f"{names[1]}: no table is built, so that nothing can be compared. "
                "Run `ispy1 repro`, or `dvc pull tables gate`."
            )
            raise UserError(message)
        masks = _read_view(connection, tables, "masks", _MASKS)
        for done, mask in enumerate(masks):
            progress(done, len(masks) + 1)
            mask |= {"dice": None, **(_measure_dice(root, mask) if dice else _NO_DICE)}
        progress(len(masks), len(masks) + 1)
        return _read_difference(connection, tables, names, masks)


def _read_difference(
    connection: duckdb.DuckDBPyConnection,
    tables: list[Pair],
    names: tuple[str, str],
    masks: list[Row],
) -> Difference:
    """Read what differs from a connection that has the schema `diff`."""
    comparable = list_comparable(tables)
    changed = _find_changed_columns(connection, comparable)
    ranked = load_sql("changes", schema=name_schema(connection), tables=comparable, only=changed)
    connection.execute(f"create temp table _changes as {ranked}")
    types = {(pair.name, name): kind for pair in tables for name, kind in pair.old.items()}
    rows = fetch_rows(connection.execute(load_sql("read_rows")))
    return Difference(
        *names,
        tables=_count_tables(connection, tables),
        masks=masks,
        coverage_rows=[{**row, "keys": list(map(json.loads, row["keys"]))} for row in rows],
        coverage_cells=_read_cells(connection, "coverage", types),
        values=_read_cells(connection, "value", types),
        blobs=_read_view(connection, tables, "blobs", _BLOBS),
        summaries=_read_summaries(connection),
    )


def _find_changed_columns(
    connection: duckdb.DuckDBPyConnection, tables: list[Pair]
) -> dict[str, set[str]]:
    """Return the columns that differ of each table that differs at all."""
    query = load_sql("list_changed_columns", schema=name_schema(connection), tables=tables)
    columns: dict[str, set[str]] = {}
    rows = connection.execute(query).fetchall()
    for table, column, change in rows:
        columns.setdefault(table, set()).update({column} if change == "changed" else ())
    return columns


def _read_view(
    connection: duckdb.DuckDBPyConnection, tables: list[Pair], name: str, sql: str
) -> list[Row]:
    """Read a view that needs a table, no row where a version lacks that."""
    is_there = any(p.name == name and p.old and p.new and not p.problem for p in tables)
    return fetch_rows(connection.execute(sql)) if is_there else []


def _read_cells(
    connection: duckdb.DuckDBPyConnection, kind: str, types: Mapping[tuple[str, str], str]
) -> list[Row]:
    cells = fetch_rows(connection.execute(load_sql("read_cells"), {"kind": kind}))
    for cell in cells:
        parse = _PARSERS.get(types.get((cell["table"], cell["column"]), ""), str)
        cell["key"] = json.loads(cell["key"])
        for side in ("old", "new"):
            cell[side] = None if cell[side] is None else parse(cell[side])
    return cells


def _parse_number(text: str) -> float | str:
    """Return a number; the text where the column is another type by now."""
    try:
        return float(text)
    except ValueError:
        return text


def _parse_integer(text: str) -> float | str:
    return int(text) if text.removeprefix("-").isdigit() else _parse_number(text)


_PARSERS: dict[str, Callable[[str], Any]] = {
    "DOUBLE": _parse_number,
    "BIGINT": _parse_integer,
    "BOOLEAN": lambda text: {"true": True, "false": False}.get(text, text),
}


def _count_tables(connection: duckdb.DuckDBPyConnection, tables: list[Pair]) -> list[Row]:
    query = load_sql("count_rows", schema=name_schema(connection), tables=tables)
    names = ("column", "change", "old_type", "new_type")
    return [
        {
            **counts,
            "columns": [dict(zip(names, c, strict=True)) for c in pair.list_column_changes()],
            "problem": pair.problem,
        }
        for pair, counts in zip(tables, fetch_rows(connection.execute(query)), strict=True)
    ]


def _read_summaries(connection: duckdb.DuckDBPyConnection) -> list[Row]:
    views = set(
        connection.execute(
            "select database_name, view_name from duckdb_views() where schema_name = 'main'"
        ).fetchall()
    )

    def read(catalog: str, name: str) -> list[Row] | None:
        if (catalog, name) not in views:
            return None
        return fetch_rows(connection.execute(f"from {quoted(catalog)}.main.{name}"))

    new = find_current_catalog(connection)
    return [
        {"name": name, "key": key, "old": read(OLD, name), "new": read(new, name)}
        for name, key in SUMMARIES.items()
    ]


def _measure_dice(root: Path, mask: Row) -> Row:
    """Lay the two versions of a changed mask over each other."""
    from etl.ask.diff.dice import find_blob, measure_overlap

    if mask["change"] != "changed":
        return {"dice_note": f"the mask was {mask['change']}"}
    if mask["old_md5"] == mask["new_md5"]:
        return {"dice_note": "same blob, measured anew"}
    old, new = (find_blob(root, mask[f"{s}_md5"], mask[f"{s}_path"]) for s in ("old", "new"))
    overlap = measure_overlap(old, new)
    return {"dice": overlap.dice, "dice_note": overlap.reason}
