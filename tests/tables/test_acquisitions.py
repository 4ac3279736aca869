"""The table `acquisitions`."""

from __future__ import annotations

import datetime as dt
import random
from pathlib import Path

import pytest
from rebuild import rebuild
from support import (
    CASES,
    ROOT,
    SLICE,
    TRIAL_ONLY,
    Row,
    clinical_row,
    findings,
    rows,
    series_row,
    write_clinical,
    write_slice,
)
from support import CLINICAL as WORKBOOK

from etl.build.index import write_indexes
from etl.build.plan import add_needs
from etl.model.profile import load_profile
from etl.read.idc import Series
from etl.tables.acquisitions import describe_series
from etl.tables.unit import Measured

PROFILE = load_profile(ROOT, "phantom")
SEG: Row = {
    "Modality": "SEG",
    "sop_class_name": "Segmentation Storage",
    "SeriesDescription": "PE Segmentation thresh=70",
    "SeriesDate": None,
}
SR: Row = {
    "Modality": "SR",
    "sop_class_name": "Comprehensive SR Storage",
    "Manufacturer": "PixelMed",
    "ManufacturerModelName": "XSLT from di3data csv extract",
}


def of(*found: Series) -> dict[str, Row]:
    return {row["series_instance_uid"]: row for row in describe_series(found, PROFILE).rows}


def checks(found: Measured) -> list[tuple[str, str | None, str, str]]:
    return sorted((f.check, f.case_id, f.severity, f.observed) for f in found.findings)


def test_one_series() -> None:
    assert describe_series([series_row("2.25.7")], PROFILE) == Measured(
        [
            {
                "case_id": "ISPY1_9001",
                "series_instance_uid": "2.25.7",
                "study_instance_uid": "2.25.1",
                "study_index": 1,
                "is_baseline": True,
                "study_date": dt.date(1985, 4, 13),
                "series_date": dt.date(1985, 4, 13),
                "age_years": 38.0,
                "sex": "F",
                "modality": "MR",
                "sop_class": "MR Image Storage",
                "has_scanner": True,
                "manufacturer": "GE",
                "stored_manufacturer": "GE MEDICAL SYSTEMS",
                "model": "GENESIS_SIGNA",
                "series_number": 3,
                "series_description": "Dynamic-3dfgre",
                "pe_threshold_percent": None,
                "instance_count": 180,
                "size_mb": 24.5,
                "licence": "CC0 1.0",
                "source_doi": "10.5072/x",
                "crdc_series_uuid": "0" * 8,
            }
        ],
        [],
    )


def test_reports_and_segmentations_do_not_vote() -> None:
    table = of(series_row("1"), series_row("2", **SEG), series_row("3", **SR))
    assert [row["has_scanner"] for row in table.values()] == [True, False, False]
    assert [row["pe_threshold_percent"] for row in table.values()] == [None, 70, None]
    assert table["3"]["manufacturer"] == "PixelMed"


def test_studies_are_numbered_by_day_and_then_by_uid() -> None:
    """Whatever the order of the rows and of the UIDs; each subject from 1."""
    days = {"s9": "1985-01-01", "s1": "1985-03-01", "s2": "1985-03-01", "s0": "1985-06-01"}
    found = [
        series_row(f"{study}.{n}", StudyInstanceUID=study, StudyDate=day)
        for study, day in days.items()
        for n in range(3)
    ]
    found.append(series_row("x", "ISPY1-9002", StudyInstanceUID="s5", StudyDate="1990-01-01"))
    random.Random(1).shuffle(found)
    table = of(*found)
    wanted = {"s9": 1, "s1": 2, "s2": 3, "s0": 4, "s5": 1}
    for row in table.values():
        assert row["study_index"] == wanted[row["study_instance_uid"]]
        assert row["is_baseline"] == (row["study_index"] == 1)
    assert table["x"]["case_id"] == "ISPY1_9002"


def test_a_study_without_a_day_comes_last() -> None:
    table = of(
        series_row("1", StudyInstanceUID="a", StudyDate=None),
        series_row("2", StudyInstanceUID="b"),
    )
    assert [(r["study_date"], r["study_index"]) for r in table.values()] == [
        (None, 2),
        (dt.date(1985, 4, 13), 1),
    ]


def test_a_series_that_was_filed_under_another_visit() -> None:
    """As ISPY1_1042: the last study has one series with the day of the study before."""
    found = [
        series_row("1", StudyInstanceUID="b", StudyDate="1986-01-15"),
        *(series_row(f"2{n}", StudyInstanceUID="a", StudyDate="1986-04-17") for n in range(3)),
        series_row("3", StudyInstanceUID="a", StudyDate="1986-01-15", SeriesDate="1986-01-15"),
    ]
    measured = describe_series(found, PROFILE)
    table = {row["series_instance_uid"]: row for row in measured.rows}
    assert (table["1"]["study_index"], table["3"]["study_index"]) == (1, 2)
    assert table["3"]["study_date"] == dt.date(1986, 4, 17)
    assert table["3"]["series_date"] == dt.date(1986, 1, 15)
    assert checks(measured) == [
        (
            "two_dates:StudyDate",
            "ISPY1_9001",
            "info",
            "1986-01-15 in a study of 1986-04-17 (1 series)",
        )
    ]


def test_days_of_equal_weight_give_the_earlier() -> None:
    table = of(series_row("1", StudyDate="1986-02-01"), series_row("2", StudyDate="1986-01-01"))
    assert {row["study_date"] for row in table.values()} == {dt.date(1986, 1, 1)}


@pytest.mark.parametrize(
    ("cells", "check", "severity", "observed"),
    [
        ({"PatientAge": "000Y"}, "unusable:PatientAge", "info", "'000Y' (1 series)"),
        ({"PatientSex": "6657"}, "unusable:PatientSex", "info", "'6657' (1 series)"),
        ({"StudyDate": "today"}, "unusable:StudyDate", "warning", "'today' (1 series)"),
        ({"SeriesDate": "x"}, "unusable:SeriesDate", "warning", "'x' (1 series)"),
        ({"instanceCount": -1}, "unusable:instanceCount", "warning", "-1 (1 series)"),
        (
            {"series_size_MB": float("nan")},
            "unusable:series_size_MB",
            "warning",
            "nan (1 series)",
        ),
    ],
)
def test_cells_that_say_nothing(cells: Row, check: str, severity: str, observed: str) -> None:
    measured = describe_series([series_row("1", **cells)], PROFILE)
    assert checks(measured) == [(check, "ISPY1_9001", severity, observed)]
    (row,) = measured.rows
    plain = of(series_row("1"))["1"]
    changed = {name for name in plain if row[name] != plain[name]}
    assert len(changed) == 1
    assert row[changed.pop()] is None


def test_blank_cells_are_null_without_a_word() -> None:
    blank: Row = {name: None for name in series_row("1") if "InstanceUID" not in name}
    measured = describe_series([series_row("1", **blank | {"PatientID": CASES[0]})], PROFILE)
    assert measured.findings == []
    (row,) = measured.rows
    filled = {name for name, value in row.items() if value is not None}
    assert filled == {
        "case_id", "series_instance_uid", "study_instance_uid", "study_index", "is_baseline",
        "has_scanner",
    }  # fmt: skip


def test_rows_that_cannot_be_used() -> None:
    found = [
        series_row("1"),
        series_row("1", SeriesDescription="again"),
        series_row("2", "BREAST_07"),
        series_row("3", "BREAST_07"),
        series_row("4", ""),
        series_row(""),
        series_row("5", StudyInstanceUID=None),
    ]
    found.append(series_row("6") | {"PatientID": None})
    measured = describe_series(found, PROFILE)
    assert [row["series_instance_uid"] for row in measured.rows] == ["1"]
    assert checks(measured)[0][:3] == ("no_uid:SeriesInstanceUID", "ISPY1_9001", "critical")
    assert checks(measured)[1] == (
        "repeated:SeriesInstanceUID", "ISPY1_9001", "critical", "1 (1 series)",
    )  # fmt: skip
    check, case, severity, observed = checks(measured)[2]
    assert (check, case, severity) == ("unknown_subject:PatientID", None, "critical")
    assert observed == "'BREAST_07' (2 series); '' (1 series); None (1 series)"


def test_many_strangers_are_one_finding() -> None:
    found = [series_row(str(n), f"OTHER_{n}") for n in range(500)]
    (finding,) = describe_series(found, PROFILE).findings
    assert finding.observed.endswith("; and 497 more")


def test_a_study_of_two_thresholds() -> None:
    other = SEG | {"SeriesDescription": "VOI PE Segmentation thresh=90"}
    measured = describe_series([series_row("1", **SEG), series_row("2", **other)], PROFILE)
    assert [(c, s) for c, _, s, _ in checks(measured)] == [
        ("two_thresholds:SeriesDescription", "warning")
    ]
    other_visit = other | {"StudyInstanceUID": "2.25.2"}
    assert (
        describe_series([series_row("1", **SEG), series_row("2", **other_visit)], PROFILE).findings
        == []
    )


def test_the_order_of_the_rows_does_not_matter() -> None:
    found = [
        series_row(f"{n % 17}", CASES[n % 2], StudyInstanceUID=f"s{n % 3}", SeriesNumber=str(n))
        for n in range(40)
    ]
    first = describe_series(found, PROFILE)
    for seed in range(3):
        random.Random(seed).shuffle(found)
        assert describe_series(found, PROFILE) == first


# --- in a build -----------------------------------------------------------------------------------


def found(root: Path) -> list[Row]:
    stored: list[Row] = findings(root, table="acquisitions")
    return stored


def with_ages(root: Path, *ages: str | None) -> list[Row]:
    """The findings where the clinical sheet says 38.73 and the series say these."""
    write_clinical(root / "data/release" / WORKBOOK, clinical=[clinical_row(CASES[0], age=38.73)])
    cells = [series_row(str(n), PatientAge=age) for n, age in enumerate(ages)]
    write_slice(root / "data/release" / SLICE, cells)
    rebuild(root, "clinical", "acquisitions")
    return found(root)


def test_an_age_beyond_a_year_is_a_finding(project: Path) -> None:
    assert with_ages(project, "038Y", "039Y", None) == []
    (finding,) = with_ages(project, "037Y", "038Y", "037Y", "050Y")
    assert finding["check"] == "disagrees_with_clinical:PatientAge"
    assert (finding["severity"], finding["case_id"]) == ("warning", CASES[0])
    assert finding["observed"] == (
        "study 1: 37 years, clinical sheet 38.73 (2 series); "
        "study 1: 50 years, clinical sheet 38.73 (1 series)"
    )
    assert finding["path"] == SLICE
    assert len(with_ages(project, "040Y")) == 1


def test_an_age_of_a_subject_that_the_sheet_does_not_know(project: Path) -> None:
    write_clinical(project / "data/release" / WORKBOOK, clinical=[clinical_row(CASES[1])])
    write_slice(project / "data/release" / SLICE, [series_row("1", PatientAge="070Y")])
    rebuild(project, "clinical", "acquisitions")
    assert found(project) == []


def test_a_release_without_a_slice(project: Path) -> None:
    rebuild(project, "clinical", "acquisitions")
    assert rows(project, "acquisitions") == found(project) == []


def test_a_broken_slice_is_a_finding_and_the_rest_is_built(project: Path, release: Path) -> None:
    path = write_slice(release / SLICE, [series_row("1")])
    path.write_bytes(path.read_bytes()[:-9])
    rebuild(project, *add_needs(["cases"]))
    assert rows(project, "acquisitions") == []
    (finding,) = findings(project, "slice_unreadable")
    assert (finding["table"], finding["severity"], finding["path"]) == (
        "acquisitions",
        "critical",
        SLICE,
    )
    assert [row["case_id"] for row in rows(project, "cases")] == [*CASES, TRIAL_ONLY]
    assert not any(row["has_acquisitions"] for row in rows(project, "cases"))


def test_subjects_of_the_slice_alone_are_cases_but_not_of_the_release(
    project: Path, release: Path
) -> None:
    found = [series_row("1", CASES[0]), series_row("2", "ISPY1_9777", StudyInstanceUID="s")]
    write_slice(release / SLICE, found)
    rebuild(project, *add_needs(["cases"]))
    table = {row["case_id"]: row for row in rows(project, "cases")}
    assert list(table) == [*CASES, TRIAL_ONLY, "ISPY1_9777"]
    assert [row["has_acquisitions"] for row in table.values()] == [True, False, False, True]
    assert table["ISPY1_9777"]["in_release"] is False
    assert [row["artefact"] for row in rows(project, "blobs") if row["path"] == SLICE] == [
        "acquisitions"
    ]


def test_a_changed_slice_rebuilds_what_reads_it(project: Path, release: Path) -> None:
    write_slice(release / SLICE, [series_row("1")])
    write_indexes(project)
    before = read_index_texts(project)
    write_slice(release / SLICE, [series_row("1"), series_row("2")])
    write_indexes(project)
    after = read_index_texts(project)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"blobs", "cases", "acquisitions"}


def read_index_texts(root: Path) -> dict[str, str]:
    return {path.stem: path.read_text() for path in sorted((root / "data/index").glob("*.csv"))}
