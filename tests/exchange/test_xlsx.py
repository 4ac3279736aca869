"""The workbook as openpyxl reads it: values, units, and what Excel cannot hold is said."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from made.small import make_project

import etl
from etl.exchange import xlsx
from etl.model.errors import UserError
from etl.warehouse.sql_words import literal

HOSTILE = ("=1+1", "+A1", "@SUM(1)", "https://example.org", "00123", "1002", "{=1}", "\x07")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = make_project(tmp_path_factory.mktemp("xlsx") / "project")
    texts = ", ".join(f"({n}, {literal(text)})" for n, text in enumerate((*HOSTILE, "x" * 32_768)))
    head = "-- Cells.\n-- grain: one row per cell\n-- key: n\n-- columns:\n--   n: Number\n"
    others = {
        "whole": "9007199254740993", "small": "5::bigint", "day": "date '1985-04-13'",
        "old": "date '1804-01-01'", "odd": "'nan'::double", "yes": "true", "list": "[1.5, null]",
    }  # fmt: skip
    head += "--   text: Text [mm]\n" + "".join(f"--   {name}: A value\n" for name in others)
    columns = ", ".join(f"{sql} as {name}" for name, sql in others.items())
    query = f"select n, text, {columns} from (values {texts}) as cells(n, text)\n"
    name = "cells_with_a_name_that_is_longer_than_a_sheet"
    for end in ("", "_too"):
        (root / f"sql/views/{name}{end}.sql").write_text(head + query)
    return root


def read(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    book = openpyxl.load_workbook(path)
    for sheet in book:
        cells = [cell for row in sheet.iter_rows() for cell in row]
        assert not [cell for cell in cells if cell.data_type == "f" or cell.hyperlink]
    return {sheet.title: list(sheet.iter_rows(values_only=True)) for sheet in book}


def write(
    root: Path, target: Path, *names: str
) -> tuple[dict[str, list[tuple[Any, ...]]], list[str]]:
    exported = xlsx.write_workbook(root, target, names, lambda _done, _total: None, force=True)
    return read(exported.paths[0]), list(exported.notes)


def test_sheets_are_the_tables(project: Path, tmp_path: Path) -> None:
    sheets, notes = write(project, tmp_path)
    names = [row[1] for row in sheets["dictionary"][1:]]
    assert {"masks", "cohort", "voxels"} <= set(names)
    header, *rows = sheets["masks"]
    assert {"volume_cm3", "voxel_count [voxels]", "case_id"} <= set(header)
    with etl.connect(project) as db:
        expected = db.sql("select case_id, mask, volume_cm3 from masks order by all").fetchall()
    at = [header.index(name) for name in ("case_id", "mask", "volume_cm3")]
    assert [tuple(row[x] for x in at) for row in rows] == expected
    meaning = {(row[1], row[2]): row[4:] for row in sheets["dictionary"]}
    assert meaning["masks", "volume_cm3"][0] == "cm3"
    assert all(text for _, text in meaning.values())
    assert not [note for note in notes if note.startswith("left out")]


def test_hostile_cells_stay_text(project: Path, tmp_path: Path) -> None:
    name = "cells_with_a_name_that_is_longer_than_a_sheet"
    sheets, notes = write(project, tmp_path, name, f"{name}_too")
    assert list(sheets) == ["dictionary", name[:31], f"{name[:27]}~2"]
    assert [row[:2] for row in sheets["dictionary"][1:3]] == [(name[:31], name)] * 2
    header, *rows = sheets[name[:31]]
    assert header[:2] == ("n", "text [mm]")
    assert [row[1] for row in rows[:7]] == list(HOSTILE[:7])
    assert len(rows[-1][1]) == 32_767
    assert rows[0][2:] == (
        "9007199254740993", 5, dt.datetime(1985, 4, 13), "1804-01-01", "nan", True, "[1.5, null]",  # noqa: DTZ001
    )  # fmt: skip
    assert notes[0] == f"{name}: 1 texts end after 32,767 characters, as many as Excel holds"


def test_same_bytes_again(project: Path, tmp_path: Path) -> None:
    names = ("masks", "disagreement", "voxel_statistics")
    for folder in "ab":
        write(project, tmp_path / folder, *names)
    first, second = ((tmp_path / folder / xlsx.WORKBOOK).read_bytes() for folder in "ab")
    assert first == second


def test_what_is_too_much_is_said(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xlsx, "ROWS_UNASKED", 2)
    monkeypatch.setattr(xlsx, "find_broken_views", lambda _db: {"cohort": "cohort.sql is broken"})
    notes = list[str]()
    with etl.connect(project) as db:
        chosen = {sheet.name for sheet in xlsx._choose_sheets(db, (), notes)}
    assert "left out: cohort.sql is broken" in notes
    assert any(note.startswith("left out masks: ") and "--table masks" in note for note in notes)
    assert "citation" in chosen
    assert not chosen & {"cohort", "masks"}
    monkeypatch.setattr(xlsx, "MAX_ROWS", 4)
    monkeypatch.setattr(xlsx, "MAX_COLUMNS", 5)
    sheets, notes = write(project, tmp_path, "masks")
    assert len(sheets["masks"]) == 4
    assert {len(row) for row in sheets["masks"]} == {5}
    assert "the first 3 of" in notes[0]
    assert "without its last" in notes[1]
    with pytest.raises(UserError, match="Did you mean masks"):
        write(project, tmp_path, "maskes")
    with pytest.raises(UserError, match="is a macro"):
        write(project, tmp_path, "enhancing_volume")
