"""Rows out: as a table for people, csv, json, parquet or markdown."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path
from shutil import get_terminal_size
from typing import Any, Protocol

from etl.model.errors import UserError
from etl.model.store import write_atomically
from etl.text.answer_format import Format
from etl.text.markdown import escape, format_table
from etl.text.table import lay_out, page
from etl.text.values import ELLIPSIS, convert_for_json, format_value, strip_controls, wrap_line

MAX_ROWS, SCREEN_ROWS = 100, 40  # of a table in a pipe, on a terminal
EVERY = "all"  # of `--columns`
_FEW = 3  # columns that are named where they are hidden
_CHUNK = 2048
_PLAN = ("explain_key", "explain_value")
# Of `summarize`, what says most first: a screen has seldom room for all.
_SUMMARY = (
    "column_name", "avg", "null_percentage", "min", "max", "column_type", "approx_unique", "std",
    "q25", "q50", "q75", "count",
)  # fmt: skip


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


@dataclass(frozen=True, slots=True)
class View:
    """What of a table a reader asked for."""

    columns: str | None = None  # names and patterns with commas between; all: page by page
    limit: int | None = None  # rows


def write(result: Result, form: Format, output: Path | None, view: View | None = None) -> None:
    """Write a result to a file, or to standard output.

    Raises:
        UserError: parquet without a file, or a file that cannot be written.
    """
    if form == "parquet":
        _write_parquet(result, output)
    elif output is None:
        _write_stdout(result, form, view)
    else:
        write_file(output, format_lines(result, form))


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


def _write_stdout(result: Result, form: Format, view: View | None) -> None:
    if form == "table" and result.columns == _PLAN:
        for _, plan in result.rows():  # drawn by DuckDB
            sys.stdout.writelines(f"{strip_controls(line)}\n" for line in plan.splitlines())
        return
    if form == "table":
        print_table(*_order_summary(result.columns, result.rows()), view)
        return
    for piece in format_lines(result, form):
        sys.stdout.write(piece)


def _order_summary(
    names: Sequence[str], rows: Iterable[Sequence[Any]]
) -> tuple[Sequence[str], Iterable[Sequence[Any]]]:
    """Return the columns of `summarize` by what they say; of another answer as they are."""
    if sorted(names) != sorted(_SUMMARY):
        return names, rows
    order = [names.index(name) for name in _SUMMARY]
    return _SUMMARY, ([row[i] for i in order] for row in rows)


def write_file(output: Path, pieces: Iterable[str]) -> None:
    """Write text to a file.

    Raises:
        UserError: it cannot be written.
    """

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


def find_width() -> int | None:
    """Return the width of the terminal; None where the output is no terminal."""
    return get_terminal_size().columns if sys.stdout.isatty() else None


def print_table(
    names: Sequence[str], rows: Iterable[Sequence[Any]], view: View | None = None
) -> None:
    """Print a table for people, and say which rows and columns it hides and how to see them.

    Args:
        names: of the columns.
        rows: their values.
        view: what was asked for; None where the command has no options for it.
    """
    width = find_width()
    asked = view or View()
    limit = asked.limit or (MAX_ROWS if width is None else SCREEN_ROWS)
    iterator = iter(rows)
    shown = list(islice(iterator, limit))
    n_rows = len(shown) + sum(1 for _ in iterator)
    if asked.columns == EVERY and width is not None:
        hidden: tuple[str, ...] = ()
        pages = ("\n".join(table.lines()) for table in page(names, shown, width))
        sys.stdout.write("\n\n".join(pages) + "\n")
    else:
        chosen = _choose_columns(names, asked.columns)
        picked = [[row[i] for i in chosen] for row in shown]
        table = lay_out([names[i] for i in chosen], picked, width)
        hidden = table.hidden
        _print_lines(table.lines())
    notes = describe_hidden(len(shown), n_rows, hidden, len(names), has_view=view is not None)
    _print_lines(wrap_line(note, width) for note in notes)


def print_list(
    names: Sequence[str], rows: Sequence[Sequence[Any]], *, command: str, whole: bool = False
) -> None:
    """Print a table of which no row is hidden: on a terminal each in a line, cut to fit.

    Args:
        names: of the columns.
        rows: their values.
        command: which shows the whole texts.
        whole: print them.
    """
    width = find_width()
    table = lay_out(names, rows, width, "whole" if whole else "line")
    _print_lines(table.lines())
    if any(line.endswith(ELLIPSIS) for row in table.rows for line in row):
        _print_lines([f"Whole texts: `{command}`"])


def describe_hidden(
    n_shown: int, n_rows: int, hidden: Sequence[str], n_columns: int, *, has_view: bool
) -> list[str]:
    """Return the sentences on what a table leaves out, and how to see it."""
    notes = []
    if n_shown < n_rows:
        how = f"--limit {n_rows}, or " if has_view else ""
        notes.append(
            f"{n_rows - n_shown:,} more rows of {n_rows:,}: {how}"
            "`--format csv --output FILE` writes all."
        )
    if hidden:
        named = f" ({', '.join(hidden)})" if len(hidden) <= _FEW else ""
        how = "--columns all (or 'path,n_*'), " if has_view else ""
        plural = "s" if len(hidden) > 1 else ""
        notes.append(f"{len(hidden)} more column{plural} of {n_columns}{named}: {how}--format csv.")
    return notes


def _choose_columns(names: Sequence[str], patterns: str | None) -> list[int]:
    """Return the columns that the patterns name, in their order; all without one.

    Raises:
        UserError: a pattern fits none.
    """
    if patterns in (None, EVERY):
        return list(range(len(names)))
    chosen: dict[int, None] = {}
    for pattern in (word.strip() for word in str(patterns).split(",")):
        fitting = [i for i, name in enumerate(names) if fnmatchcase(name.lower(), pattern.lower())]
        if not fitting:
            near = get_close_matches(pattern, names, 1) or names[:1]
            message = f"--columns {pattern}: no such column. Did you mean {', '.join(near)}?"
            raise UserError(message)
        chosen |= dict.fromkeys(fitting)
    return list(chosen)


def _print_lines(lines: Iterable[str]) -> None:
    for line in lines:
        sys.stdout.write(f"{line}\n")
