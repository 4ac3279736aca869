"""The warehouse as one workbook: a sheet per table and view, and a dictionary of the columns.

A text is written as a text: no cell becomes a formula, a link or a number.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

import etl
from etl.exchange.target import Exported
from etl.model.errors import UserError
from etl.model.store import write_atomically
from etl.text.values import format_value
from etl.warehouse import dictionary
from etl.warehouse.connect import find_broken_views
from etl.warehouse.dictionary import Relation
from etl.warehouse.export import open_target
from etl.warehouse.sql_words import quoted

if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.worksheet import Worksheet

WORKBOOK = "warehouse.xlsx"
MAX_ROWS, MAX_COLUMNS = 1_048_576, 16_384  # of a sheet, its header included
MAX_NAME, MAX_TEXT = 31, 32_767  # characters
MAX_INTEGER = 10**15  # Excel keeps 15 digits
ROWS_UNASKED = 200_000  # more of them are a sheet where they are named alone
_FIRST_YEAR = 1900
_HEADERS = ("sheet", "table", "column", "type", "unit", "meaning")
_WIDTHS = (10, 40)
_OPTIONS = {
    "constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False,
    "strings_to_numbers": False, "default_date_format": "yyyy-mm-dd",
}  # fmt: skip
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class _Sheet:
    """A table or view that becomes a sheet. `n_rows`: of the whole of it."""

    name: str
    relation: Relation
    columns: Sequence[dictionary.ColumnFact]
    n_rows: int


def write_workbook(
    root: Path, target: Path, names: Sequence[str], progress: Progress, *, force: bool
) -> Exported:
    """Write `warehouse.xlsx` into a folder.

    Args:
        root: the project.
        target: the folder.
        names: the tables and views that become sheets. Default: all that are not too long.
        progress: called with the sheets that are done, and all.
        force: write into a folder that holds something.

    Raises:
        UserError: no such table, or as etl.warehouse.export.export().
    """
    notes = list[str]()
    with etl.connect(root) as db:
        db.execute("set threads = 1")  # sums of floats differ by the order in which threads end
        sheets = list(_choose_sheets(db, names, notes))

        def write(path: Path) -> None:
            _fill(db, path, sheets, notes, progress)

        with open_target(root, target, force=force):
            write_atomically(target / WORKBOOK, write)
    return Exported([target / WORKBOOK], notes)


def _choose_sheets(
    db: duckdb.DuckDBPyConnection, names: Sequence[str], notes: list[str]
) -> Iterator[_Sheet]:
    relations = [r for r in dictionary.list_relations(db) if r.kind in ("table", "view")]
    used = {"dictionary"}
    broken = find_broken_views(db)
    for relation in [_find(db, name) for name in names] or relations:
        if relation.name in broken:
            notes.append(f"left out: {broken[relation.name]}")
            continue
        n_rows = db.sql(f"from {relation.quoted_name}").count("*").fetchall()[0][0]
        if not names and n_rows > ROWS_UNASKED:
            word = f"`--table {relation.sql_name}` takes it"
            notes.append(f"left out {relation.sql_name}: {n_rows:,} rows; {word}")
            continue
        name = _make_sheet_name(relation.sql_name, used)
        yield _Sheet(name, relation, dictionary.columns(db, relation), n_rows)


def _find(db: duckdb.DuckDBPyConnection, name: str) -> Relation:
    relation = dictionary.find(db, name)
    if relation.kind == "macro":
        message = f"--table {name}: is a macro, which has no rows of its own. Name a table or view."
        raise UserError(message)
    return relation


def _make_sheet_name(name: str, used: set[str]) -> str:
    """Return a name that Excel takes, and that no other sheet has."""
    short, number = name[:MAX_NAME], 1
    while short.casefold() in used:
        number += 1
        short = f"{name[: MAX_NAME - 4]}~{number}"
    used.add(short.casefold())
    return short


def _fill(
    db: duckdb.DuckDBPyConnection,
    path: Path,
    sheets: Sequence[_Sheet],
    notes: list[str],
    progress: Progress,
) -> None:
    from xlsxwriter import Workbook

    with Workbook(str(path), _OPTIONS) as book:
        book.set_properties({"created": dt.datetime(2020, 1, 1, tzinfo=dt.UTC)})
        _write_sheet(book, "dictionary", _HEADERS, _list_columns(sheets))
        for done, sheet in enumerate(sheets):
            progress(done, len(sheets))
            columns = sheet.columns[:MAX_COLUMNS]
            headers = [name_header(column.name, column.unit) for column in columns]
            n_cut = _write_sheet(book, sheet.name, headers, _read_rows(db, sheet))
            notes += _list_losses(sheet, n_cut)


def _list_columns(sheets: Sequence[_Sheet]) -> Iterator[tuple[str, ...]]:
    for sheet in sheets:
        for c in sheet.columns:
            yield (sheet.name, sheet.relation.sql_name, c.name, c.type, c.unit, c.meaning)


def name_header(column: str, unit: str) -> str:
    """Return a column's name with its unit, where the name does not end with it."""
    return f"{column} [{unit}]" if unit and not column.endswith(f"_{unit}") else column


def _read_rows(db: duckdb.DuckDBPyConnection, sheet: _Sheet) -> Iterator[tuple[Any, ...]]:
    relation = sheet.relation
    names = ", ".join(quoted(column.name) for column in sheet.columns[:MAX_COLUMNS])
    keys = ", ".join(quoted(name) for name in relation.key_columns)
    order = f"order by {keys} " if keys else ""
    cursor = db.execute(f"select {names} from {relation.quoted_name} {order}limit {MAX_ROWS - 1}")  # noqa: S608
    while rows := cursor.fetchmany(10_000):
        yield from rows


def _list_losses(sheet: _Sheet, n_cut: int) -> Iterator[str]:
    """Yield what of a table is not in its sheet."""
    name = sheet.relation.sql_name
    if sheet.n_rows >= MAX_ROWS:
        yield f"{name}: the first {MAX_ROWS - 1:,} of {sheet.n_rows:,} rows, as many as Excel holds"
    if len(sheet.columns) > MAX_COLUMNS:
        n_left = len(sheet.columns) - MAX_COLUMNS
        yield f"{name}: without its last {n_left:,} columns; Excel holds {MAX_COLUMNS:,}"
    if n_cut:
        yield f"{name}: {n_cut:,} texts end after {MAX_TEXT:,} characters, as many as Excel holds"


def _write_sheet(
    book: Workbook, name: str, headers: Sequence[str], rows: Iterable[tuple[Any, ...]]
) -> int:
    """Write a sheet; return how many texts had to be cut."""
    sheet = book.add_worksheet(name)
    sheet.freeze_panes(1, 0)
    bold, n_rows, n_cut = book.add_format({"bold": True}), 0, 0
    for x, header in enumerate(headers):
        sheet.set_column(x, x, min(max(len(header) + 2, _WIDTHS[0]), _WIDTHS[1]))
        sheet.write_string(0, x, header, bold)
    for n_rows, row in enumerate(rows, 1):
        for x, value in enumerate(row):
            if value is not None:
                n_cut += _write_cell(sheet, n_rows, x, value)
    sheet.autofilter(0, 0, n_rows, max(len(headers) - 1, 0))
    return n_cut


def _write_cell(sheet: Worksheet, y: int, x: int, value: Any) -> bool:  # noqa: ANN401  of any type
    """Write a value by its type; return whether it was a text too long."""
    if isinstance(value, bool):
        sheet.write_boolean(y, x, value)
    elif _is_number(value):
        sheet.write_number(y, x, value)
    elif isinstance(value, dt.date) and value.year >= _FIRST_YEAR:
        sheet.write_datetime(y, x, value)
    else:
        text = str(value) if isinstance(value, float) else format_value(value)
        sheet.write_string(y, x, text[:MAX_TEXT])
        return len(text) > MAX_TEXT
    return False


def _is_number(value: Any) -> bool:  # noqa: ANN401  of any type
    """Return whether Excel holds a value as a number, with all its digits."""
    if isinstance(value, int):
        return abs(value) < MAX_INTEGER
    return isinstance(value, float) and math.isfinite(value)
