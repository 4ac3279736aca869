"""The difference of two versions as records: masks first, then coverage, values, files, counts."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from string import Template
from typing import Any

import duckdb

from etl.ask.diff.ranks import changes
from etl.ask.diff.records import (
    BlobChange,
    CellChange,
    Difference,
    MaskChange,
    Row,
    RowsChange,
    Summary,
    TableChange,
)
from etl.ask.diff.shape import Pair
from etl.ask.diff.views import (
    OLD,
    SCHEMA,
    WORKING_TREE,
    add_cells,
    current_catalog,
    schema_of,
)
from etl.model.errors import UserError
from etl.warehouse.connect import connect as connect_warehouse
from etl.warehouse.connect import literal, quoted

SUMMARIES = {"label_summary": "mask", "case_counts": "name"}  # view -> its key


def compare(
    root: Path,
    old: str,
    new: str | None = None,
    *,
    dice: bool = True,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> Difference:
    """What changed from one version to another.

    Args:
        root: the project.
        old: a git revision.
        new: a git revision (default: the working tree).
        dice: lay the two versions of each changed mask over each other.
        progress: called with masks done and masks to do.

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
        return read(connection, tables, names, _overlaps(root, progress) if dice else _no_dice)


def read(
    connection: duckdb.DuckDBPyConnection,
    tables: list[Pair],
    names: tuple[str, str],
    overlaps: Callable[[list[Row]], list[Row]],
) -> Difference:
    """The records of a connection that has the schema `diff`."""
    comparable = [pair for pair in tables if not pair.problem]
    changed = _changed_columns(connection, comparable)
    ranked = changes(comparable, schema_of(connection), changed)
    connection.execute(f"create temp table _changes as {ranked}")
    kinds = {(pair.name, name): kind for pair in tables for name, kind in pair.old.items()}
    masks = overlaps(_rows(connection, tables, "masks", _MASKS))
    return Difference(
        *names,
        tables=_tables(connection, tables),
        masks=tuple(MaskChange(**row) for row in masks),
        coverage_rows=_row_changes(connection),
        coverage_cells=_cells(connection, "coverage", kinds),
        values=_cells(connection, "value", kinds),
        blobs=tuple(BlobChange(**row) for row in _rows(connection, tables, "blobs", _BLOBS)),
        summaries=_summaries(connection),
    )


def _changed_columns(
    connection: duckdb.DuckDBPyConnection, tables: list[Pair]
) -> dict[str, set[str]]:
    """Table to the columns that differ, for tables that differ at all."""
    asked = [
        _CHANGED.substitute(
            name=literal(pair.name), cells=f"{schema_of(connection)}.{quoted(pair.name)}"
        )
        for pair in tables
    ]
    found: dict[str, set[str]] = {}
    rows = connection.execute(" union all ".join(asked)).fetchall() if asked else []
    for table, column, change in rows:
        found.setdefault(table, set()).update({column} if change == "changed" else ())
    return found


_CHANGED = Template("""select distinct $name, "column", change from $cells""")
_MASKS = f"from {SCHEMA}.mask_volumes order by unusual desc nulls last, change, case_id, mask"
_BLOBS = f"from {SCHEMA}.blob_changes order by change, path"
_CELLS = """
select "table", key, "column", old, new, difference, spread, unusual from _changes
where kind = $kind and "column" is not null
order by case_id is null, unusual desc nulls last, "table", key, "column"
"""
_ROW_CHANGES = """
select
    "table", case_id, change, count(*) as n_rows, max(unusual) as unusual,
    list(key order by key) as keys
from _changes where kind = 'coverage' and "column" is null
group by all order by unusual desc, case_id, "table", change
"""
_COUNTS = """
select
    "table",
    count(distinct key) filter (where change = 'added') as n_added,
    count(distinct key) filter (where change = 'removed') as n_removed,
    count(distinct key) filter (where change = 'changed') as n_changed
from _changes group by all
"""


def _fetch(connection: duckdb.DuckDBPyConnection, sql: str, given: object = None) -> list[Row]:
    cursor = connection.execute(sql, given)
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _rows(
    connection: duckdb.DuckDBPyConnection, tables: list[Pair], name: str, sql: str
) -> list[Row]:
    """The rows of a view that needs a table, none where a version lacks it."""
    is_there = any(p.name == name and p.old and p.new and not p.problem for p in tables)
    return _fetch(connection, sql) if is_there else []


def _cells(
    connection: duckdb.DuckDBPyConnection, kind: str, kinds: Mapping[tuple[str, str], str]
) -> tuple[CellChange, ...]:
    found = _fetch(connection, _CELLS, {"kind": kind})
    for row in found:
        read_back = _READERS.get(kinds.get((row["table"], row["column"]), ""), str)
        row["key"] = json.loads(row["key"])
        row["old"], row["new"] = (
            None if row[side] is None else read_back(row[side]) for side in ("old", "new")
        )
    return tuple(CellChange(**row) for row in found)


def _number(text: str) -> float | str:
    """A number; the text where the column is another type by now."""
    try:
        return float(text)
    except ValueError:
        return text


def _integer(text: str) -> float | str:
    return int(text) if text.removeprefix("-").isdigit() else _number(text)


_READERS: dict[str, Callable[[str], Any]] = {
    "DOUBLE": _number,
    "BIGINT": _integer,
    "BOOLEAN": lambda text: {"true": True, "false": False}.get(text, text),
}


def _row_changes(connection: duckdb.DuckDBPyConnection) -> tuple[RowsChange, ...]:
    found = _fetch(connection, _ROW_CHANGES)
    for row in found:
        row["keys"] = tuple(map(json.loads, row["keys"]))
    return tuple(RowsChange(**row) for row in found)


def _tables(connection: duckdb.DuckDBPyConnection, tables: list[Pair]) -> tuple[TableChange, ...]:
    counts = {row.pop("table"): row for row in _fetch(connection, _COUNTS)}
    nothing = {"n_added": 0, "n_removed": 0, "n_changed": 0}
    names = ("column", "change", "old_type", "new_type")
    return tuple(
        TableChange(
            table=pair.name,
            n_old=_count(connection, pair.old_source) if pair.old else None,
            n_new=_count(connection, pair.new_source) if pair.new else None,
            columns=tuple(dict(zip(names, c, strict=True)) for c in pair.column_changes()),
            problem=pair.problem,
            **counts.get(pair.name, nothing),
        )
        for pair in tables
    )


def _count(connection: duckdb.DuckDBPyConnection, source: str) -> int:
    row = connection.execute(f"select count(*) from {source}").fetchone()  # noqa: S608  quoted
    return int(row[0]) if row else 0


def _summaries(connection: duckdb.DuckDBPyConnection) -> tuple[Summary, ...]:
    views = {
        (catalog, name)
        for catalog, name in connection.execute(
            "select database_name, view_name from duckdb_views() where schema_name = 'main'"
        ).fetchall()
    }
    return tuple(
        Summary(
            name,
            key,
            *(
                tuple(_fetch(connection, f"from {quoted(catalog)}.main.{name}"))
                if (catalog, name) in views
                else None
                for catalog in (OLD, current_catalog(connection))
            ),
        )
        for name, key in SUMMARIES.items()
    )


# --- Dice --------------------------------------------------------------------------------------


def _no_dice(masks: list[Row]) -> list[Row]:
    return [{**row, "dice_note": "not asked for"} for row in masks]


def _overlaps(root: Path, progress: Callable[[int, int], None]) -> Callable[[list[Row]], list[Row]]:
    def lay_over(masks: list[Row]) -> list[Row]:
        found = []
        for done, row in enumerate(masks, 1):
            found.append({**row, **_dice(root, row)})
            progress(done, len(masks))
        return found

    return lay_over


def _dice(root: Path, row: Row) -> Row:
    from etl.ask.diff.dice import blob_at_hand, overlap

    if row["change"] != "changed":
        return {"dice_note": f"the mask was {row['change']}"}
    if row["old_md5"] == row["new_md5"]:
        return {"dice_note": "same blob, measured anew"}
    old, new = (
        blob_at_hand(root, row[f"{side}_md5"], row[f"{side}_path"]) for side in ("old", "new")
    )
    found = overlap(old, new)
    return {"dice": found.dice, "dice_note": found.reason}
