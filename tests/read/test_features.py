"""Published features: the workbook, and CaPTk's own CSV files."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import Cell, write_features

from etl.model.errors import BadInputError
from etl.read import features
from etl.read.features import FeatureSheet, read_features
from etl.read.workbook import parse_number

LONG = "SubjectID,Modality,ROILabel,FeatureFamily,Feature,Value,Parameters\n"


def csv(folder: Path, text: str) -> FeatureSheet:
    path = folder / "features.csv"
    path.write_text(text, encoding="utf-8")
    return read_features(path)


def values(sheet: FeatureSheet) -> dict[tuple[str, str], float | None]:
    return {
        (subject, name): parse_number(*cell)
        for subject, cells in zip(sheet.subjects, sheet.cells, strict=True)
        for name, cell in zip(sheet.names, cells, strict=True)
    }


def test_workbook(tmp_path: Path) -> None:
    rows: list[list[Cell]] = [["SubjectID", "b", "a"], [1002, 1 / 3, 2], [1003, None, "x"]]
    sheet = read_features(write_features(tmp_path / "x.xlsx", rows))
    assert sheet.names == ("b", "a")
    assert sheet.subjects == ("1002", "1003")
    assert sheet.cells[0][0][1] == 1 / 3
    assert sheet.cells[1][1][0] == "x"


def test_subject_column_may_stand_anywhere(tmp_path: Path) -> None:
    rows: list[list[Cell]] = [["b", "SubjectID", None, "a"], [1, 1002, 9, 2]]
    sheet = read_features(write_features(tmp_path / "x.xlsx", rows))
    assert values(sheet) == {("1002", "b"): 1.0, ("1002", "a"): 2.0}


def test_wide_csv(tmp_path: Path) -> None:
    sheet = csv(tmp_path, "\ufeffSubjectID, T1_E_a ,T1_E_b\n1002,0.1,nan\n\n1003,2\n")
    assert values(sheet) == {
        ("1002", "T1_E_a"): 0.1,
        ("1002", "T1_E_b"): None,
        ("1003", "T1_E_a"): 2.0,
        ("1003", "T1_E_b"): None,
    }


def test_csv_numbers_keep_every_bit(tmp_path: Path) -> None:
    assert values(csv(tmp_path, f"SubjectID,a\n1002,{1 / 3!r}\n")) == {("1002", "a"): 1 / 3}


def test_long_csv_becomes_the_wide_one(tmp_path: Path) -> None:
    text = (
        "1002,T1,E,Intensity,Mean,1.5,\n"
        "1002,T1,E,GLCM,Energy,0.25,Bins-64_Radius-2\n"
        "1003,T1,E,Intensity,Mean,2.5,\n"
    )
    sheet = csv(tmp_path, LONG + text)
    assert sheet.names == ("T1_E_Intensity_Mean", "T1_E_GLCM_Bins-64_Radius-2_Energy")
    assert values(sheet) == {
        ("1002", sheet.names[0]): 1.5,
        ("1002", sheet.names[1]): 0.25,
        ("1003", sheet.names[0]): 2.5,
        ("1003", sheet.names[1]): None,
    }


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "\n\n"])
def test_csv_without_subjects_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadInputError) as caught:
        csv(tmp_path, text)
    assert caught.value.check == "features_unreadable"


def test_blank_workbook_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError) as caught:
        read_features(write_features(tmp_path / "x.xlsx", []))
    assert caught.value.check == "features_unreadable"


def test_csv_that_is_no_text_or_too_long_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(b"SubjectID\n\xff\xfe\n")
    with pytest.raises(BadInputError):
        read_features(path)
    with pytest.raises(BadInputError):
        read_features(tmp_path / "missing.csv")
    path.write_text("SubjectID,a\n1002,1\n")
    monkeypatch.setattr(features, "MAX_CSV_BYTES", 10)
    with pytest.raises(BadInputError):
        read_features(path)
    path.write_text("SubjectID,a\n1002," + "9" * 200_000 + "\n")  # past the csv module's limit
    monkeypatch.undo()
    with pytest.raises(BadInputError):
        read_features(path)
