"""Workbooks as people's programs leave them: error cells, R's names, notes, strays, other CSVs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import openpyxl
import polars as pl
import pytest
from rebuild import rebuild
from support import (
    CASES,
    CLINICAL,
    CLINICAL_SHEET,
    FEATURES,
    OUTCOMES_SHEET,
    Row,
    feature_rows,
    findings,
    rows,
    write_clinical,
    write_features,
)

from etl.model import git_tables
from etl.model.feature_names import NAMES, correct_name
from etl.model.git_tables import read_known_issues
from etl.read.workbook import read_rows, read_sheets
from etl.warehouse.connect import connect

Edit = Callable[[openpyxl.Workbook], None]


def edit(path: Path, change: Edit, *, data_only: bool = True) -> None:
    book = openpyxl.load_workbook(path, data_only=data_only)
    change(book)
    path.unlink()
    book.save(path)


def build(root: Path, *tables: str) -> list[Row]:
    rebuild(root, *tables)
    return [row for row in findings(root) if row["table"] in tables]


@pytest.fixture
def workbooks(project: Path) -> Path:
    write_features(project / "data/release" / FEATURES, feature_rows(CASES))
    write_clinical(project / "data/release" / CLINICAL)
    return project


# fastexcel 229, 316, 320: a reader that takes an error for a blank
@pytest.mark.parametrize("code", ["#DIV/0!", "#N/A", "#NUM!", "#VALUE!", "#REF!"])
def test_an_error_cell_is_null_and_named(workbooks: Path, code: str) -> None:
    release = workbooks / "data/release"

    def put(sheet: str, header: str) -> Edit:
        def change(book: openpyxl.Workbook) -> None:
            cells = book[sheet]
            column = next(c.column for c in cells[1] if c.value == header)
            cells.cell(2, column).value = code

        return change

    edit(release / FEATURES, put("Sheet1", "T1_E_Intensity_Mean"))
    for sheet, header in (
        (CLINICAL_SHEET, "age"), (CLINICAL_SHEET, "ERpos"), (OUTCOMES_SHEET, "PCR"),
        (OUTCOMES_SHEET, "RFS"),
    ):  # fmt: skip
        edit(release / CLINICAL, put(sheet, header))
    seen = build(workbooks, "features", "clinical", "outcomes")
    named = {row["check"]: row for row in seen if row["check"].startswith("not_a_number")}
    headers = ("T1_E_Intensity_Mean", "age", "ERpos", "PCR", "RFS")
    assert {f"not_a_number:{header}" for header in headers} <= named.keys()
    for row in named.values():
        assert (row["case_id"], row["likely_cause"]) == (
            CASES[0],
            "Excel could not compute the cell",
        )
    assert named["not_a_number:age"]["observed"] == f"{code!r} in cell C2 of {CLINICAL_SHEET!r}"
    (first, *_) = rows(workbooks, "clinical")
    assert (first["age_years"], first["er_positive"]) == (None, None)


def test_a_formula_without_a_value_is_null_and_its_cause_is_named(workbooks: Path) -> None:
    """A script that loads and saves a workbook keeps formulas and drops their values."""
    edit(workbooks / "data/release" / CLINICAL, lambda _: None, data_only=False)
    seen = build(workbooks, "clinical")
    subtypes = [row for row in seen if row["check"] == "not_a_number:HR_HER2_CATEGORY"]
    assert len(subtypes) == len(rows(workbooks, "clinical")) > 1
    assert "without a computed value" in subtypes[0]["observed"]
    assert "computes no formulas" in subtypes[0]["likely_cause"]
    assert {row["subtype"] for row in rows(workbooks, "clinical")} == {None}


@pytest.mark.parametrize("change", [("-", "."), ("-", "_")])
def test_names_that_r_changed_are_the_publishers(workbooks: Path, change: tuple[str, str]) -> None:
    path = workbooks / "data/release" / FEATURES
    publishers = {row["feature"] for row in _features(workbooks)}
    _, *cells = feature_rows(CASES)
    header = [str(name).replace(*change) for name in feature_rows(CASES)[0]]
    write_features(path, [list(header), *cells])
    seen = build(workbooks, "features", "feature_catalog")
    assert {row["feature"] for row in rows(workbooks, "features")} == publishers
    assert [(row["check"], row["severity"]) for row in seen] == [("renamed_columns", "info")]


def _features(root: Path) -> list[Row]:
    build(root, "features")
    return rows(root, "features")


def test_every_published_name_survives_r() -> None:
    assert [correct_name(name.replace("-", ".")) for name in NAMES] == list(NAMES)
    assert len(set(NAMES)) == 370
    assert correct_name("my.own-score") == "my.own-score"


def test_a_name_that_the_publisher_does_not_have_is_told(workbooks: Path) -> None:
    header, *cells = feature_rows(CASES)
    renamed = [*header[:-1], "T1_E_Intensity_Maen"]
    write_features(workbooks / "data/release" / FEATURES, [renamed, *cells])
    (row,) = build(workbooks, "features", "feature_catalog")
    assert (row["check"], row["severity"]) == ("unknown_features", "warning")
    assert "T1_E_Intensity_Maen" in row["observed"]


# polars 27677, fastexcel 487: a reader that lays out what a sheet declares
@pytest.mark.parametrize(("row", "column"), [(1_048_576, 1), (1_048_576, 16_384), (2, 16_384)])
@pytest.mark.parametrize("value", [" ", "x"])
def test_a_stray_cell_far_out_costs_nothing(
    workbooks: Path, row: int, column: int, value: str
) -> None:
    path = workbooks / "data/release" / FEATURES
    before = read_sheets(path)[0]

    def put(book: openpyxl.Workbook) -> None:
        book.worksheets[0].cell(row, column).value = value

    edit(path, put)
    after = read_sheets(path)[0]
    n_before = len(before.texts)
    assert after.header == before.header
    assert after.numbers[:n_before] == before.numbers
    assert len(after.texts) == n_before + (value == "x" and column == 1)


def test_notes_and_titles_stand_above_the_header(workbooks: Path) -> None:
    before = _features(workbooks)

    def add_notes(book: openpyxl.Workbook) -> None:
        book.create_sheet("Notes", 0)["A1"] = "checked"

    def add_title(book: openpyxl.Workbook) -> None:
        for sheet in book.worksheets:
            sheet.insert_rows(1)
            sheet["A1"] = "I-SPY 1"

    edit(workbooks / "data/release" / FEATURES, add_notes)
    edit(workbooks / "data/release" / CLINICAL, add_title)
    assert _features(workbooks) == before
    assert build(workbooks, "clinical", "outcomes") == []
    assert len(rows(workbooks, "clinical")) == len(rows(workbooks, "outcomes")) > 1


def test_a_european_csv_is_read_with_a_note(workbooks: Path) -> None:
    before = _features(workbooks)
    header, *cells = feature_rows(CASES)
    lines = [";".join(map(str, header))]
    lines += [";".join("" if c is None else str(c).replace(".", ",") for c in row) for row in cells]
    (workbooks / "data/release" / FEATURES).unlink()
    target = workbooks / "data/release" / FEATURES.replace(".xlsx", ".csv")
    target.write_bytes(("\r\n".join(lines) + "\r\n").encode("utf-8-sig"))
    (row,) = build(workbooks, "features")
    assert (row["check"], row["severity"]) == ("csv_dialect", "info")
    assert rows(workbooks, "features") == before


def test_lists_that_excel_saved_are_read(project: Path) -> None:
    issues, splits = read_known_issues(project), project / "splits.csv"
    splits.write_text("case_id,fold,subtype,pcr,dataset\nISPY1_9001,0,TN,true,d\n")
    before = git_tables.read_csv_input(git_tables.SPLITS, splits)
    for path in (project / git_tables.CSV_FILES["known_issues"], splits):
        text = path.read_text().replace("\n", "\r\n").replace("true", "TRUE")
        path.write_bytes(text.encode("utf-8-sig"))
    assert read_known_issues(project) == issues
    assert git_tables.read_csv_input(git_tables.SPLITS, splits) == before


def test_a_users_own_workbook_with_a_stray_cell(workbooks: Path, tmp_path: Path) -> None:
    path = tmp_path / "own.xlsx"
    pl.DataFrame({"case_id": CASES, "score": [1.5] * len(CASES)}).write_excel(path)
    edit(path, lambda book: book.worksheets[0].cell(1_048_576, 16_384, "x") and None)
    assert read_rows(path)[0] == ["case_id", "score"]
    build(workbooks, "features")
    connection = connect(workbooks, tables={"mine": path})
    query = "select sum(score), count(case_id) from mine"
    assert connection.execute(query).fetchall() == [(1.5 * len(CASES), len(CASES))]
