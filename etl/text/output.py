"""Rows out: as a table for people, csv, json, parquet or markdown."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
import textwrap
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from pathlib import Path
from shutil import get_terminal_size
from typing import Any, Protocol

from rich.cells import cell_len, set_cell_size

from etl.model.errors import UserError
from etl.model.store import write_atomically
from etl.text.answer_format import Format
from etl.text.markdown import escape, format_table
from etl.text.values import (
    convert_for_json,
    format_line,
    format_list,
    format_value,
    is_list,
    strip_controls,
)

MAX_ROWS = 100  # of a table on a terminal
FEW_ROWS = 5  # a table too wide with so few rows becomes a line per value
WRAPPED_ROWS = 30  # in a longer table texts do not wrap: they end in an ellipsis
_CHUNK = 2048
_GAP = "  "
_LEAST_TEXT = 24  # a column of texts gets no narrower
_LEAST_WORD = 40  # nor, up to this, than its longest word
_HEADER_PART = re.compile(r"[^_ ]*[_ ]|[^_ ]+")
_NUMBERS = (int, float, Decimal)
_PLAN = ("explain_key", "explain_value")


class Result(Protocol):
    """An answer: the names of its columns, and its rows, which can be taken once."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the names of the columns."""
        ...

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Yield the rows."""
        ...

    def arrow(self) -> Any:  # noqa: ANN401  pyarrow has no types
        """Return the rows as an Arrow table."""
        ...


def write(result: Result, form: Format, output: Path | None) -> None:
    """Write a result to a file, or to standard output.

    Raises:
        UserError: parquet without a file, or a file that cannot be written.
    """
    if form == "parquet":
        _write_parquet(result, output)
    elif output is None:
        _write_stdout(result, form)
    else:
        _write_file(output, format_lines(result, form))


def format_lines(result: Result, form: Format) -> Iterator[str]:
    """Return the text of a result in any form but parquet, piece by piece."""
    if form == "csv":
        return format_csv(result.columns, result.rows())
    if form == "json":
        return format_json(result.columns, result.rows())
    return format_table(
        result.columns,
        ([escape(format_value(value, "")) for value in row] for row in result.rows()),
    )


def _write_stdout(result: Result, form: Format) -> None:
    if form == "table" and result.columns == _PLAN:
        for _, plan in result.rows():  # drawn by DuckDB
            sys.stdout.writelines(f"{strip_controls(line)}\n" for line in plan.splitlines())
        return
    if form == "table":
        print_table(result.columns, result.rows())
        return
    for piece in format_lines(result, form):
        sys.stdout.write(piece)


def _write_file(output: Path, pieces: Iterable[str]) -> None:
    def fill(target: Path) -> None:
        with target.open("w", encoding="utf-8", newline="") as file:
            file.writelines(pieces)

    _put(output, fill)


def _put(output: Path, fill: Callable[[Path], None]) -> None:
    """Write a file whole or not at all; a device or a pipe (/dev/stdout) as it comes."""
    if output.exists() and not output.is_file():
        try:
            fill(output)
        except OSError as error:
            message = f"{output}: cannot be written ({error.strerror or error})."
            raise UserError(f"{message} Choose another --output.") from error
    elif not output.absolute().parent.is_dir():
        message = f"{output}: cannot be written (its folder does not exist). Make it first."
        raise UserError(message)
    else:
        write_atomically(output.resolve(), fill)  # through a link, which stays one


def _write_parquet(result: Result, output: Path | None) -> None:
    import pyarrow as pa  # a tenth of a second that only this form pays
    import pyarrow.parquet as pq

    if output is None:
        message = "parquet is no text: name a file with --output."
        raise UserError(message)
    _check_columns(result.columns)
    table = result.arrow()
    try:
        _put(output, lambda target: pq.write_table(table, target))
    except pa.ArrowException as error:
        message = f"{output}: Parquet has no such type ({error}). Cast the column, as ::varchar."
        raise UserError(message) from error


def _check_columns(columns: Sequence[str]) -> None:
    """Refuse two columns of one name where a form can keep only one of them.

    Raises:
        UserError: a name occurs twice.
    """
    twice = next((name for name, n in Counter(columns).items() if n > 1), None)
    if twice is not None:
        message = f"Two columns are called {twice}, and this form keeps one: name them (as ...)."
        raise UserError(message)


def format_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """Yield CSV with a header; null is an empty cell, lists and structs are JSON."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    iterator = iter(rows)
    while block := list(islice(iterator, _CHUNK)):
        writer.writerows([format_value(value, "") for value in row] for row in block)
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def format_json(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """Yield a JSON list with one object a row; null and NaN are null."""
    _check_columns(columns)
    separator = "[\n"
    for row in rows:
        pairs = zip(columns, map(convert_for_json, row), strict=True)
        yield f"{separator}  {json.dumps(dict(pairs), ensure_ascii=False)}"
        separator = ",\n"
    yield "[]\n" if separator == "[\n" else "\n]\n"


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], limit: int | None = MAX_ROWS
) -> None:
    """Print a table for people; past `limit` rows it says how to get the rest.

    Without a limit, every column and every text is shown whole, too.
    """
    width = get_terminal_size().columns if sys.stdout.isatty() else None
    iterator = iter(rows)
    shown = list(islice(iterator, limit))
    for line in format_text_table(columns, shown, width, whole=limit is None):
        sys.stdout.write(f"{line}\n")
    rest = sum(1 for _ in iterator)
    if rest:
        sys.stdout.write(f"{rest:,} more rows; `--format csv --output FILE` writes all.\n")


def format_text_table(
    names: Sequence[str], rows: Sequence[Sequence[Any]], width: int | None, *, whole: bool = False
) -> Iterator[str]:
    """Yield the lines of a table that is at most `width` characters wide; None: as wide as it is.

    Numbers and words are never broken. What gives way, in this order: headers break at `_`; texts
    wrap (in a table of many rows: end in an ellipsis); then a few rows become a line per value,
    of many rows the last columns are left out, and a line says so.

    Args:
        names: of the columns.
        rows: their values.
        width: of the terminal; None for a pipe.
        whole: leave nothing out, however many rows there are.
    """
    columns = [
        _measure_column(strip_controls(name), [row[i] for row in rows])
        for i, name in enumerate(names)
    ]
    widths = _choose_widths(columns, width)
    left_out = [strip_controls(name) for name in names[len(widths) :]]
    if left_out and rows and (whole or len(rows) <= FEW_ROWS):
        yield from _format_records(columns, len(rows), width or 0)
        return
    wrap = width is not None and (whole or len(rows) <= WRAPPED_ROWS)
    shown = list(zip(columns, widths, strict=False))
    yield from _join_cells(
        [(_break_header(c.name, w), w, c.is_number) for c, w in shown], bottom=True
    )
    yield _GAP.join("─" * w for w in widths)
    for i in range(len(rows)):
        yield from _join_cells(
            [(_fit(c.values[i], w, wrap=wrap), w, c.is_number) for c, w in shown]
        )
    if left_out:
        named = f" ({', '.join(left_out)})" if len(left_out) <= FEW_ROWS else ""
        plural = "s" if len(left_out) > 1 else ""
        yield f"{len(left_out)} more column{plural}{named}: --format csv, or select fewer."


@dataclass(frozen=True, slots=True)
class _Column:
    """A column, its widths in characters: the least, the whole values, with the whole header."""

    name: str
    values: list[Any]
    is_number: bool
    least: int
    data: int
    natural: int


def _measure_column(name: str, values: list[Any]) -> _Column:
    numbers = bool(values) and all(isinstance(v, (*_NUMBERS, type(None))) for v in values)
    least = max(map(len, _HEADER_PART.findall(name)), default=0)
    data = max((cell_len(format_line(v)) for v in values), default=0)
    least = max([least, *map(_find_least_width, values)])
    return _Column(name, values, numbers, least, max(data, least), max(data, least, len(name)))


def _find_least_width(value: Any) -> int:  # noqa: ANN401  a cell is of any type
    """Return how narrow the column of this value may become."""
    if is_list(value):
        return cell_len(format_list(value, 0))
    text = format_line(value)
    longest = max(map(cell_len, text.split()), default=0)
    return min(cell_len(text), max(_LEAST_TEXT, min(longest, _LEAST_WORD)))


def _choose_widths(columns: Sequence[_Column], room: int | None) -> list[int]:
    """Return the widths of the columns that fit into `room`, at least one."""
    if room is None or _sum_widths([c.natural for c in columns]) <= room:
        return [c.natural for c in columns]
    least = [c.least for c in columns]
    n = next((n for n in range(len(least), 1, -1) if _sum_widths(least[:n]) <= room), 1)
    data = _widen(least[:n], [c.data for c in columns[:n]], room)
    return _widen(data, [c.natural for c in columns[:n]], room)


def _sum_widths(widths: Sequence[int]) -> int:
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def _widen(widths: Sequence[int], targets: Sequence[int], room: int) -> list[int]:
    """Widen columns, the narrowest first, toward what each wants until the room is used up."""
    grown = list(widths)
    for _ in range(room - _sum_widths(grown)):
        short = [i for i, width in enumerate(grown) if width < targets[i]]
        if not short:
            break
        grown[min(short, key=grown.__getitem__)] += 1
    return grown


def _join_cells(
    cells: Sequence[tuple[list[str], int, bool]], *, bottom: bool = False
) -> Iterator[str]:
    """Yield cells of several lines beside each other; each: lines, width, whether to the right."""
    height = max((len(lines) for lines, _, _ in cells), default=0)
    padded = [
        [""] * (height - len(lines)) + lines if bottom else lines + [""] * (height - len(lines))
        for lines, _, _ in cells
    ]
    for texts in zip(*padded, strict=True):
        parts = [
            _pad(text, width, right=right)
            for text, (_, width, right) in zip(texts, cells, strict=True)
        ]
        yield _GAP.join(parts).rstrip()


def _pad(text: str, width: int, *, right: bool) -> str:
    blanks = " " * (width - cell_len(text))
    return blanks + text if right else text + blanks


def _break_header(name: str, width: int) -> list[str]:
    """Return a name in lines that break behind `_`."""
    lines = [""]
    for part in _HEADER_PART.findall(name):
        if lines[-1] and len(lines[-1]) + len(part) > width:
            lines.append("")
        lines[-1] += part
    return lines


def _fit(value: Any, width: int, *, wrap: bool) -> list[str]:  # noqa: ANN401
    """Return a value in lines of at most `width`: a single one with an ellipsis, or all."""
    text = format_list(value, width) if is_list(value) else format_line(value)
    if cell_len(text) <= width:
        return [text]
    if wrap:
        return textwrap.wrap(text, width, break_on_hyphens=False)
    return [set_cell_size(text, width - 1).rstrip() + "…"]


def _format_records(columns: Sequence[_Column], n_rows: int, width: int) -> Iterator[str]:
    """Yield `column: value`, a line each, rows apart by an empty line."""
    indent = max(len(c.name) for c in columns) + 2
    room = max(width - indent, _LEAST_TEXT)
    for i in range(n_rows):
        yield from ("",) if i else ()
        for column in columns:
            first, *more_lines = _fit(column.values[i], room, wrap=True) or [""]
            yield f"{column.name + ':':<{indent}}{first}".rstrip()
            yield from (" " * indent + line for line in more_lines)
