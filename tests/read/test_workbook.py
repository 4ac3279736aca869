"""Workbooks: cells are data, numbers keep every bit."""

from __future__ import annotations

import math
import struct
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import Cell, write_workbook

from etl.model.errors import BadInputError
from etl.read import workbook
from etl.read.workbook import Sheet, parse_number, read_sheets


def sheet_of(path: Path, rows: list[list[Cell]]) -> Sheet:
    return read_sheets(write_workbook(path, {"one": rows}))[0]


def cell(sheet: Sheet, row: int, column: int) -> float | None:
    return parse_number(sheet.texts[row][column], sheet.numbers[row][column])


@pytest.mark.parametrize("value", [1 / 3, 2 / 3, math.pi, 1e-300, 9.9e74, -0.1, 123456789.123456])
def test_numbers_keep_every_bit(tmp_path: Path, value: float) -> None:
    sheet = sheet_of(tmp_path / "x.xlsx", [["a"], [value]])
    stored = float(f"{value:.16G}")  # what the writer puts into the file
    assert cell(sheet, 0, 0) == stored
    assert struct.pack("<d", sheet.numbers[0][0] or 0.0) == struct.pack("<d", stored)


def test_a_third_survives_exactly(tmp_path: Path) -> None:
    assert cell(sheet_of(tmp_path / "x.xlsx", [["a"], [1 / 3]]), 0, 0) == 1 / 3


def test_a_column_of_mixed_cells(tmp_path: Path) -> None:
    rows: list[list[Cell]] = [
        ["id", "a"],
        [1, 1 / 3],
        [2, "2.5"],
        [3, "two"],
        [4, None],
        [5, ""],
        [6, "n/a?"],
    ]
    sheet = sheet_of(tmp_path / "x.xlsx", rows)
    assert cell(sheet, 0, 1) == 1 / 3
    assert cell(sheet, 1, 1) == 2.5  # a number that was typed as text
    assert cell(sheet, 3, 1) is None
    assert cell(sheet, 4, 1) is None
    for row in (2, 5):
        with pytest.raises(ValueError):  # noqa: PT011  the text is the cell's
            cell(sheet, row, 1)


def test_formulas_give_their_cached_value_and_are_never_computed(tmp_path: Path) -> None:
    rows: list[list[Cell]] = [["a", "b", "c"], [("=1+1", 41.5), ('="x"', "HRpos"), ('=""', " ")]]
    sheet = sheet_of(tmp_path / "x.xlsx", rows)
    assert cell(sheet, 0, 0) == 41.5
    assert sheet.texts[0][1] == "HRpos"
    assert cell(sheet, 0, 2) is None


def test_whole_numbers_read_as_ids(tmp_path: Path) -> None:
    sheet = sheet_of(tmp_path / "x.xlsx", [["id"], [1002], ["ISPY1_1003"]])
    assert [row[0] for row in sheet.texts] == ["1002", "ISPY1_1003"]


def test_header_is_stripped_and_blank_rows_are_left_out(tmp_path: Path) -> None:
    rows: list[list[Cell]] = [[" HR Pos ", "MRI LD"], [None, None], [1, 2], ["", "  "], [3, 4]]
    sheet = sheet_of(tmp_path / "x.xlsx", rows)
    assert sheet.header == ("HR Pos", "MRI LD")
    assert [row[0] for row in sheet.numbers] == [1.0, 3.0]
    assert len(sheet.texts) == len(sheet.numbers)


def test_sheets_come_in_order_and_a_blank_one_is_blank(tmp_path: Path) -> None:
    path = write_workbook(tmp_path / "x.xlsx", {"z": [["a"], [1]], "blank": [], "a": [["b"]]})
    sheets = read_sheets(path)
    assert [sheet.name for sheet in sheets] == ["z", "blank", "a"]
    assert sheets[1].header == ()
    assert sheets[1].texts == sheets[2].texts == ()


def test_ragged_rows_keep_their_columns(tmp_path: Path) -> None:
    sheet = sheet_of(tmp_path / "x.xlsx", [["a", "b", "c"], [1], [None, None, 3], [1, 2, 3]])
    assert sheet.numbers == ((1.0, None, None), (None, None, 3.0), (1.0, 2.0, 3.0))


@pytest.mark.parametrize("content", [b"", b"SubjectID,a\n1,2\n", b"PK\x03\x04 cut short"])
def test_not_a_workbook(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.xlsx"
    path.write_bytes(content)
    with pytest.raises(BadInputError) as caught:
        read_sheets(path)
    assert caught.value.check == "workbook_unreadable"


def test_a_zip_that_is_no_workbook_and_a_missing_file(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.xlsx", "w") as archive:
        archive.writestr("hello.txt", "hello")
    for name in ("x.xlsx", "missing.xlsx"):
        with pytest.raises(BadInputError) as caught:
            read_sheets(tmp_path / name)
        assert caught.value.check == "workbook_unreadable"


def test_zip_bomb_is_not_inflated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_workbook(tmp_path / "x.xlsx", {"one": [["a"], [1]]})
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/zeros", bytes(2 * 2**20))
    assert read_sheets(path)
    monkeypatch.setattr(workbook, "MAX_INFLATED_BYTES", 2**20)
    monkeypatch.setattr("etl.read.workbook.load_workbook", pytest.fail)
    with pytest.raises(BadInputError) as caught:
        read_sheets(path)
    assert "after inflating" in caught.value.observed


@given(cut=st.floats(0, 0.999))
def test_a_truncated_workbook_is_refused(tmp_path: Path, cut: float) -> None:
    path = write_workbook(tmp_path / "x.xlsx", {"one": [["a"], [1]]})
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * cut)])
    with pytest.raises(BadInputError):
        read_sheets(path)


@given(at=st.floats(0, 0.999), bits=st.integers(1, 255))
def test_a_flipped_byte_never_ends_in_a_traceback(tmp_path: Path, at: float, bits: int) -> None:
    path = write_workbook(tmp_path / "x.xlsx", {"one": [["a"], [1]]})
    content = bytearray(path.read_bytes())
    content[int(len(content) * at)] ^= bits
    path.write_bytes(content)
    try:
        read_sheets(path)
    except BadInputError:
        return


@pytest.mark.parametrize(
    ("text", "number", "value"),
    [
        ("0.333333333", 1 / 3, 1 / 3),
        (None, None, None),
        ("  ", None, None),
        ("NaN", None, None),
        ("NaN", math.nan, None),
        ("NA", None, None),
        (" 7 ", None, 7.0),
    ],
)
def test_number_of(text: str | None, number: float | None, value: float | None) -> None:
    assert parse_number(text, number) == value


@pytest.mark.parametrize(("text", "number"), [("inf", math.inf), ("-inf", None), ("x", None)])
def test_number_of_refuses(text: str, number: float | None) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  the text is the cell's
        parse_number(text, number)


def test_real_clinical_workbook(real: Path) -> None:
    sheets = {
        s.name: s for s in read_sheets(real / "I-SPY 1 All Patient Clinical and Outcome Data.xlsx")
    }
    assert len(sheets) == 4
    for name in ("TCIA Patient Clinical Subset", "TCIA Outcomes Subset"):
        assert len(sheets[name].texts) == 221
        assert sheets[name].header[0] == "SUBJECTID"
