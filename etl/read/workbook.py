"""Sheets of .xlsx workbooks, read as a stream. Cells are data: computed values, never formulas."""

from __future__ import annotations

import datetime as dt
import io
import math
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openpyxl import load_workbook
from openpyxl.cell.cell import ERROR_CODES
from openpyxl.utils import get_column_letter
from openpyxl.utils.datetime import to_excel

from etl.model.errors import BadInputError
from etl.read.source import Source, find_openable

MAX_INFLATED_BYTES = 256 * 2**20  # the real workbooks inflate to less than 3 MB
MAX_NUMBER = 1e75  # its fourth power, as a kurtosis takes it, is within reach of 64 bits
A_NUMBER = "a number below 1e75, or a blank"
HEADER_WITHIN = 20  # filled rows: titles and notes may stand above a header
BLANK = ("", "nan", "NaN", "NA", "N/A", "null", "NULL", "None")
NOT_COMPUTED = "a formula without a computed value"

Texts = tuple[str | None, ...]
Numbers = tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet: stripped header cells, and every filled row below as text and as numbers.

    A number is None where the cell holds no number. The text of a cell that Excel could not
    compute is its code (`#DIV/0!`), that of a formula without a computed value NOT_COMPUTED.
    `rows`: the number of each row in the file, from 1.
    """

    name: str
    header: tuple[str, ...]
    rows: tuple[int, ...]
    texts: tuple[Texts, ...]
    numbers: tuple[Numbers, ...]

    def name_cell(self, row: int, column: int) -> str:
        """Return what a user looks for: the sheet and the cell, by positions below the header."""
        return f"cell {get_column_letter(column + 1)}{self.rows[row]} of {self.name!r}"


def read_sheets(source: Source, key: str | None = None) -> list[Sheet]:
    """Return every sheet of a workbook, in order, without the rows that hold no value.

    Args:
        source: the workbook.
        key: the column that every header has. The header is the first row that holds it, and
            the first filled row where none does.

    Raises:
        BadInputError: missing, not a workbook, or one that inflates past any real workbook.
    """
    return [_make_sheet(name, rows, key) for name, rows in _read(source)]


def _report_unreadable(observed: str) -> BadInputError:
    return BadInputError(
        "workbook_unreadable",
        observed=" ".join(observed.split()),
        expected="an .xlsx workbook",
        likely_cause="a broken download, or another format under this name",
        fix="Download the workbook again and adopt it.",
    )


def _check_zip(openable: Path | io.BytesIO) -> bool:
    """Return whether a sheet may hold formulas.

    Raises:
        BadInputError: no archive, or one that inflates past any real workbook.
    """
    try:
        with zipfile.ZipFile(openable) as archive:
            inflated = sum(item.file_size for item in archive.infolist())
            is_read = inflated <= MAX_INFLATED_BYTES
            sheets = [name for name in archive.namelist() if name.startswith("xl/worksheets/")]
            has_formulas = is_read and any(b"<f" in archive.read(name) for name in sheets)
    except Exception as error:  # zlib's and zipfile's, for each way in which a file is damaged
        raise _report_unreadable(f"{type(error).__name__}: {error}") from error
    if not is_read:
        raise _report_unreadable(f"{inflated} bytes after inflating, over {MAX_INFLATED_BYTES}")
    return has_formulas


Row = tuple[int, list[Any]]  # number in the file, from 1; values up to the last filled cell


def read_rows(path: Path) -> list[list[Any]]:
    """Return the filled rows of a workbook's first sheet, as Python values, the header first.

    Raises:
        BadInputError: as `read_sheets`.
    """
    return next(([row for _, row in rows] for _, rows in _read(path)), [])


def _read(source: Source) -> list[tuple[str, list[Row]]]:
    openable = find_openable(source)
    has_formulas = _check_zip(openable)
    try:
        with warnings.catch_warnings(action="ignore"):  # of extensions that hold no values
            computed = load_workbook(openable, read_only=True, data_only=True)
            formulas = load_workbook(openable, read_only=True) if has_formulas else computed
            pairs = zip(computed.worksheets, formulas.worksheets, strict=True)
            return [(values.title, list(_select_filled(values, texts))) for values, texts in pairs]
    except Exception as error:  # openpyxl raises whatever its parsers meet in a damaged file
        raise _report_unreadable(f"{type(error).__name__}: {error}") from error


def _select_filled(computed: Any, formulas: Any) -> Iterator[Row]:  # noqa: ANN401  openpyxl's sheets
    """Yield the rows that hold something.

    What a sheet declares as its size is not believed: one blank that somebody typed into the last
    cell of a sheet declares 17 billion cells.
    """
    for sheet in {computed, formulas}:
        sheet.reset_dimensions()
    formula_rows = formulas.iter_rows() if formulas is not computed else None
    for number, row in enumerate(computed.iter_rows(), 1):
        values = [cell.value for cell in row]
        if formula_rows is not None:
            for at, (cell, formula) in enumerate(zip(row, next(formula_rows), strict=True)):
                # An empty text that a formula gave (type str) is blank, as in the trial's workbook.
                if formula.data_type == "f" and cell.value is None and cell.data_type != "str":
                    values[at] = NOT_COMPUTED
        while values and (values[-1] is None or str(values[-1]).isspace()):
            values.pop()
        if values:
            yield number, values


def _make_sheet(name: str, filled: Sequence[Row], key: str | None) -> Sheet:
    headers = [
        tuple((_format_cell(v) or "").strip() for v in row) for _, row in filled[:HEADER_WITHIN]
    ]
    at = next((at for at, header in enumerate(headers) if key in header), 0)
    header = headers[at] if headers else ()
    width = len(header)
    below = ((number, (row + [None] * width)[:width]) for number, row in filled[at + 1 :])
    texts = [(number, row, tuple(map(_format_cell, row))) for number, row in below]
    rows = [row for row in texts if any(text and text.strip() for text in row[2])]
    return Sheet(
        name,
        header,
        tuple(number for number, _, _ in rows),
        tuple(row for _, _, row in rows),
        tuple(tuple(map(_number, row)) for _, row, _ in rows),
    )


def _format_cell(value: object) -> str | None:
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    return None if value is None else str(value)


def _number(value: object) -> float | None:
    """Return the number that a cell stores; a date is one with a format."""
    try:
        if isinstance(value, dt.datetime | dt.date | dt.time | dt.timedelta):
            return float(to_excel(value))
        return float(value) if isinstance(value, int | float) else None
    except OverflowError:  # an integer of more than 308 digits: its text is no finite number
        return None


def explain_cell(text: str | None) -> str | None:
    """Return why a cell holds no value, where that is not the cell's own text."""
    if text == NOT_COMPUTED:
        return "the workbook was saved by a program that computes no formulas"
    return "Excel could not compute the cell" if text in ERROR_CODES else None


def parse_number(text: str | None, number: float | None) -> float | None:
    """Return the number in a cell, None where it is blank or NaN.

    Raises:
        ValueError: the cell holds text that is no number, or a number beyond arithmetic.
    """
    if number is None:
        text = (text or "").strip()
        if text in BLANK:
            return None
        number = float(text)
    if math.isnan(number):
        return None
    if abs(number) > MAX_NUMBER:
        message = f"beyond arithmetic: {text}"
        raise ValueError(message)
    return number
