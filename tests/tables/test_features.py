"""The tables `features` and `feature_catalog`."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from rebuild import rebuild
from support import (
    CASES,
    FEATURE_NAMES,
    FEATURES,
    Cell,
    feature_rows,
    findings,
    rows,
    write_features,
)

from etl.tables.feature_catalog import parse_name

FREQUENCY = "T1_E_Histogram_Bins-128_Bins-128_Bin-7_Frequency"


def built_from(root: Path, cells: list[list[Cell]]) -> dict[tuple[str, str], float | None]:
    write_features(root / "data/release" / FEATURES, cells)
    return rebuilt_features(root)


def rebuilt_features(root: Path) -> dict[tuple[str, str], float | None]:
    rebuild(root, "features", "feature_catalog")
    return {(r["case_id"], r["feature"]): r["value"] for r in rows(root, "features")}


def found(root: Path, table: str = "features") -> list[tuple[str, str | None, str]]:
    told = findings(root, table=table)
    return sorted((r["check"], r["case_id"], r["severity"]) for r in told)


# --- features ----------------------------------------------------------------------------------


def test_one_row_a_case_and_feature(built: Path) -> None:
    table = {(r["case_id"], r["feature"]): r["value"] for r in rows(built, "features")}
    assert set(table) == {(case, name) for case in CASES for name in FEATURE_NAMES}
    assert table["ISPY1_9001", "T1_E_Intensity_Mean"] == 1 / 3  # every bit
    assert table["ISPY1_9002", "T1_E_Intensity_Mean"] == 2 / 3
    assert table["ISPY1_9001", "T1_E_NGTDM_Busyness"] is None


@pytest.mark.parametrize("spelling", [9001, "9001", "ISPY1_9001", "ISPY1-9001", " 9001 "])
def test_every_spelling_of_an_id(project: Path, spelling: Cell) -> None:
    assert built_from(project, [["SubjectID", "T1_E_A_x"], [spelling, 2]]) == {
        ("ISPY1_9001", "T1_E_A_x"): 2.0
    }


def test_nan_is_null_and_inf_is_a_finding(project: Path) -> None:
    cells: list[list[Cell]] = [
        ["SubjectID", "T1_E_A_x", "T1_E_A_y", "T1_E_A_z"],
        [9001, "NaN", "inf", "-Infinity"],
    ]
    table = built_from(project, cells)
    assert set(table.values()) == {None}
    assert found(project) == [
        ("not_a_number:T1_E_A_y", "ISPY1_9001", "critical"),
        ("not_a_number:T1_E_A_z", "ISPY1_9001", "critical"),
    ]


def test_text_in_a_number_cell(project: Path) -> None:
    cells = feature_rows()
    cells[2][1] = "n.d."
    table = built_from(project, cells)
    assert table["ISPY1_9002", "T1_E_Intensity_Mean"] is None
    assert table["ISPY1_9001", "T1_E_Intensity_Mean"] == 1 / 3
    assert found(project) == [("not_a_number:T1_E_Intensity_Mean", "ISPY1_9002", "critical")]


def test_duplicate_subject_keeps_the_first_row(project: Path) -> None:
    table = built_from(
        project, [["SubjectID", "T1_E_A_x"], [9001, 1], ["ISPY1-9001", 2], [9002, 3]]
    )
    assert table == {("ISPY1_9001", "T1_E_A_x"): 1.0, ("ISPY1_9002", "T1_E_A_x"): 3.0}
    assert found(project) == [("duplicate_subject", "ISPY1_9001", "critical")]


def test_unknown_subject(project: Path) -> None:
    built_from(project, [["SubjectID", "T1_E_A_x"], ["total", 1], [None, 5], [9002, 3]])
    assert {check for check, _, _ in found(project)} == {
        "unknown_subject:total",
        "unknown_subject:",
    }
    assert len(rows(project, "features")) == 1


def test_duplicate_column_keeps_the_first(project: Path) -> None:
    table = built_from(project, [["SubjectID", "T1_E_A_x", "T1_E_A_x"], [9001, 1, 2]])
    assert table == {("ISPY1_9001", "T1_E_A_x"): 1.0}
    assert found(project) == [("duplicate_column", None, "critical")]
    assert len(rows(project, "feature_catalog")) == 1


@pytest.mark.parametrize("cells", [[], [["a", "b"], [1, 2]]])
def test_blank_or_wrong_workbook(project: Path, cells: list[list[Cell]]) -> None:
    assert built_from(project, cells) == {}
    assert [check for check, _, _ in found(project)] == ["features_unreadable"]
    assert rows(project, "feature_catalog") == []
    (finding,) = findings(project, table="features")
    assert finding["path"] == FEATURES


def test_no_workbook_is_an_empty_table(project: Path) -> None:
    assert rebuilt_features(project) == {}
    assert found(project) == []


def test_captk_csv_is_used_where_there_is_no_workbook(project: Path) -> None:
    release = project / "data/release"
    (release / "ISPY_DataPaper_features.csv").write_text("SubjectID,T1_E_A_x\nISPY1_9001,0.5\n")
    assert rebuilt_features(project) == {("ISPY1_9001", "T1_E_A_x"): 0.5}
    assert built_from(project, [["SubjectID", "T1_E_A_x"], [9001, 7]]) == {
        ("ISPY1_9001", "T1_E_A_x"): 7.0
    }


# --- feature_catalog ---------------------------------------------------------------------------


def test_catalog(built: Path) -> None:
    table = {row["feature"]: row for row in rows(built, "feature_catalog")}
    assert [table[name]["position"] for name in FEATURE_NAMES] == [1, 2, 3, 4, 5, 6]
    assert table["T1_E_LBP_Radius-3_Bins-128_LBP"]["is_constant"] is True
    assert table["T1_E_Intensity_Mean"]["is_constant"] is False


def test_constants_are_unknown_with_one_case(project: Path) -> None:
    built_from(project, feature_rows(CASES[:1]))
    assert {row["is_constant"] for row in rows(project, "feature_catalog")} == {None}


def test_column_outside_the_grammar_is_a_finding_and_keeps_its_values(project: Path) -> None:
    cells: list[list[Cell]] = [["SubjectID", "T1_E_A_x", "my notes"], [9001, 1, 2], [9002, 1, 3]]
    table = built_from(project, cells)
    assert table["ISPY1_9001", "my notes"] == 2.0
    assert found(project, "feature_catalog") == [
        ("unknown_column:my notes", None, "critical"), ("unknown_features", None, "warning"),
    ]  # fmt: skip
    assert [row["feature"] for row in rows(project, "feature_catalog")] == ["T1_E_A_x"]


@pytest.mark.parametrize(
    ("name", "family", "bins", "radius", "bin_index", "statistic"),
    [
        ("T1_E_Intensity_Mean", "Intensity", None, None, None, "Mean"),
        (FREQUENCY, "Histogram", 128, None, 7, "Frequency"),
        (
            "T1_E_Histogram_Bins-128_Bins-128_Bin-0_Probability",
            "Histogram",
            128,
            None,
            0,
            "Probability",
        ),
        ("T1_E_Histogram_Bins-128_Bins-128_Maximum", "Histogram", 128, None, None, "Maximum"),
        (
            "T1_E_Morphologic_EllipseDiameter_Axis-0",
            "Morphologic",
            None,
            None,
            None,
            "EllipseDiameter_Axis-0",
        ),
        ("T1_E_NGTDM_Busyness", "NGTDM", None, None, None, "Busyness"),
        ("T1_E_LBP_Radius-3_Bins-128_LBP", "LBP", 128, 3, None, "LBP"),
        ("T1_E_GLCM_Bins-64_Radius-2_Energy", "GLCM", 64, 2, None, "Energy"),
    ],
)
def test_grammar(
    name: str,
    family: str,
    bins: int | None,
    radius: int | None,
    bin_index: int | None,
    statistic: str,
) -> None:
    assert parse_name(name) == {
        "modality": "T1", "roi": "E", "family": family, "bins": bins, "radius_voxels": radius,
        "bin_index": bin_index, "statistic": statistic,
    }  # fmt: skip


@pytest.mark.parametrize("name", ["", "notes", "T1_E", "T1_E_Intensity", "_E_A_x", "T1__A_x"])
def test_no_feature(name: str) -> None:
    assert parse_name(name) is None


def test_all_370_real_names(real: Path) -> None:
    names = json.loads((real / "feature_columns.json").read_text())
    names = names if isinstance(names, list) else names["columns"]
    names = [name for name in names if name != "SubjectID"]
    parsed = [parse_name(name) for name in names]
    assert len(names) == len(set(names)) == 370
    assert None not in parsed
    rows = [row for row in parsed if row]
    assert Counter(row["family"] for row in rows) == {
        "Intensity": 20, "Histogram": 285, "Volumetric": 2, "Morphologic": 19, "GLCM": 8,
        "GLRLM": 12, "GLSZM": 18, "NGTDM": 5, "LBP": 1,
    }  # fmt: skip
    bins = Counter(r["bin_index"] for r in rows if r["bin_index"] is not None)
    assert bins == dict.fromkeys(range(128), 2)
    assert {r["statistic"] for r in rows if r["bin_index"] is not None} == {
        "Frequency",
        "Probability",
    }
    assert {row["modality"] for row in rows} == {"T1"}
    assert {row["roi"] for row in rows} == {"E"}
    assert len({tuple(row.values()) for row in rows}) == 370  # nothing of a name is lost
