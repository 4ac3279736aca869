"""Rows out: as a table for people, csv, json, parquet or markdown."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from etl.errors import UserError
from etl.query import Result

Format = Literal["table", "csv", "json", "parquet", "markdown"]
MAX_ROWS = 100  # of a table on a terminal
_CHUNK = 2048
_PLAIN = 1e6  # floats from here on keep all digits before the point


def write(result: Result, form: Format, output: Path | None) -> None:
    """Write a result to a file, or to standard output.

    Raises:
        UserError: parquet without a file, or a file that cannot be written.
    """
    if form == "parquet":
        _write_parquet(result, output)
    elif output is None:
        _to_stdout(result, form)
    else:
        _to_file(output, lines(result, form))


def lines(result: Result, form: Format) -> Iterator[str]:
    """The text of a result in any form but parquet, piece by piece."""
    if form == "csv":
        return csv_lines(result.columns, result.rows())
    if form == "json":
        return json_lines(result.columns, result.rows())
    return markdown_lines(result.columns, result.rows())


def _to_stdout(result: Result, form: Format) -> None:
    if form == "table":
        print_table(result.columns, result.rows())
        return
    for piece in lines(result, form):
        sys.stdout.write(piece)


def _to_file(output: Path, pieces: Iterable[str]) -> None:
    try:
        with output.open("w", encoding="utf-8", newline="") as file:
            file.writelines(pieces)
    except OSError as error:
        raise UserError(_unwritable(output, error)) from error


def _unwritable(output: Path, error: OSError) -> str:
    return f"{output}: cannot be written ({error.strerror or error}). Choose another --output."


def _write_parquet(result: Result, output: Path | None) -> None:
    import pyarrow.parquet as pq  # a tenth of a second that only this form pays

    if output is None:
        message = "parquet is no text: name a file with --output."
        raise UserError(message)
    try:
        pq.write_table(result.arrow(), output)
    except OSError as error:
        raise UserError(_unwritable(output, error)) from error


def csv_lines(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """CSV with a header; null is an empty cell, lists and structs are JSON."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    iterator = iter(rows)
    while block := list(islice(iterator, _CHUNK)):
        writer.writerows([_cell(value, "") for value in row] for row in block)
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def json_lines(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """A JSON list with one object a row; null and NaN are null."""
    separator = "[\n"
    for row in rows:
        pairs = zip(columns, map(plain, row), strict=True)
        yield f"{separator}  {json.dumps(dict(pairs), ensure_ascii=False)}"
        separator = ",\n"
    yield "[]\n" if separator == "[\n" else "\n]\n"


def markdown_lines(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """A pipe table."""
    yield _pipe(columns)
    yield _pipe(["---"] * len(columns))
    for row in rows:
        yield _pipe([_cell(value, "") for value in row])


def _pipe(cells: Iterable[str]) -> str:
    safe = (cell.replace("|", "\\|").replace("\n", " ") for cell in cells)
    return f"| {' | '.join(safe)} |\n"


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], limit: int | None = MAX_ROWS
) -> None:
    """A table for people; past `limit` rows it says how to get the rest."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    iterator = iter(rows)
    shown = list(islice(iterator, limit))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for index, column in enumerate(columns):
        numbers = all(isinstance(row[index], (int, float, Decimal, type(None))) for row in shown)
        table.add_column(column, justify="right" if shown and numbers else "left", overflow="fold")
    for row in shown:
        table.add_row(*(Text(_shown(value)) for value in row))  # Text: cells are data, not markup
    console = Console(soft_wrap=False, width=None if sys.stdout.isatty() else 200)
    console.print(table)
    rest = sum(1 for _ in iterator)
    if rest:
        console.print(f"{rest:,} more rows; `--format csv --output FILE` writes all.")


def _shown(value: Any) -> str:  # noqa: ANN401  a cell is of any type
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:.6g}" if abs(value) < _PLAIN else f"{value:.1f}"
    return _cell(value, "-")


def _cell(value: Any, null: str) -> str:  # noqa: ANN401
    """A value as text: shortest form that reads back, JSON for lists and structs."""
    value = plain(value)
    if value is None:
        return null
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value, ensure_ascii=False)


def plain(value: Any) -> Any:  # noqa: ANN401
    """A value in JSON's types; NaN and the infinities, which JSON lacks, are null."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, (float, Decimal)):
        return _number(value)
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return str(value)


def _number(value: float | Decimal) -> int | float | None:
    if not math.isfinite(value):
        return None
    if isinstance(value, Decimal) and value == value.to_integral_value():
        return int(value)
    return float(value)
