"""Sheets of .xlsx workbooks. Cells are data: cached values, never formulas."""

from __future__ import annotations

import math
import zipfile
from dataclasses import dataclass
from pathlib import Path

import fastexcel

from etl.errors import BadInputError

MAX_INFLATED_BYTES = 256 * 2**20  # the real workbooks inflate to less than 3 MB
MAX_NUMBER = 1e75  # its fourth power, as a kurtosis takes it, is within reach of 64 bits
A_NUMBER = "a number below 1e75, or a blank"
BLANK = ("", "nan", "NaN", "NA", "N/A", "null", "NULL", "None")


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet: stripped header cells, and every row below as text and as numbers.

    A number is None where the cell holds no number. The text of a number is rounded by the
    reader to 9 decimals, so numbers are never made from it.
    """

    name: str
    header: tuple[str, ...]
    texts: tuple[tuple[str | None, ...], ...]
    numbers: tuple[tuple[float | None, ...], ...]


def read_sheets(path: Path) -> list[Sheet]:
    """Every sheet of a workbook, in order, rows without any value left out.

    Raises:
        BadInputError: missing, not a workbook, or one that inflates past any real workbook.
    """
    _check_zip(path)
    try:
        reader = fastexcel.read_excel(str(path))
        return [_sheet(reader, name) for name in reader.sheet_names]
    except fastexcel.FastExcelError as error:
        raise _unreadable(str(error).splitlines()[0]) from error


def _unreadable(observed: str) -> BadInputError:
    return BadInputError(
        "workbook_unreadable",
        observed=observed,
        expected="an .xlsx workbook",
        likely_cause="a broken download, or another format under this name",
        fix="Download the workbook again and adopt it.",
    )


def _check_zip(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            inflated = sum(item.file_size for item in archive.infolist())
    except (OSError, zipfile.BadZipFile) as error:
        raise _unreadable(str(error)) from error
    if inflated > MAX_INFLATED_BYTES:
        raise _unreadable(f"{inflated} bytes after inflating, over {MAX_INFLATED_BYTES}")


def _sheet(reader: fastexcel.ExcelReader, name: str) -> Sheet:
    texts = reader.load_sheet(name, header_row=None, dtypes="string").to_polars().rows()
    numbers = reader.load_sheet(name, header_row=None, dtypes="float").to_polars().rows()
    header = tuple((cell or "").strip() for cell in texts[0]) if texts else ()
    filled = [
        (text, number)
        for text, number in zip(texts[1:], numbers[1:], strict=True)
        if any(cell and cell.strip() for cell in text)
    ]
    return Sheet(name, header, tuple(t for t, _ in filled), tuple(n for _, n in filled))


def number_of(text: str | None, number: float | None) -> float | None:
    """The number in a cell, None where it is blank or NaN.

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
