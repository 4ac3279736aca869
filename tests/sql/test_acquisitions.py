"""The views over the table acquisitions: studies, scanner_by_case, subjects_by_source."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from made.small import ask, make_project

import etl

VIEWS = ("studies", "scanner_by_case", "subjects_by_source")
COUNTED = ("case_counts", "coverage")


def test_scanner_by_case(db: duckdb.DuckDBPyConnection) -> None:
    sql = """
    select case_id, in_release, manufacturer, model, pe_threshold_percent, n_series
    from scanner_by_case"""
    assert ask(db, sql) == [
        ("ISPY1_9001", True, "GE", "GENESIS_SIGNA", 70, 3),
        # Two images of the workstation do not outvote the scanner's one.
        ("ISPY1_9002", True, "Siemens", "Sonata", 90, 5),
        ("ISPY1_9003", True, "Philips", "Intera", 100, 3),
        ("ISPY1_9050", False, "GE", "GENESIS_SIGNA", 140, 3),
        ("ISPY1_9060", False, "GE", "SIGNA EXCITE", None, 3),
    ]


def test_studies(db: duckdb.DuckDBPyConnection) -> None:
    sql = """
    select study_index, days_since_baseline, n_series, n_mr_series, n_seg_series, n_sr_series,
        n_instances, size_mb, age_years
    from studies where case_id = 'ISPY1_9002'"""
    assert ask(db, sql) == [(1, 0, 5, 3, 1, 1, 50, 7.5, 50.0), (2, 31, 3, 1, 1, 1, 30, 4.5, 50.0)]
    assert ask(db, "select count(*), count(*) filter (where is_baseline) from studies") == [(10, 5)]


@pytest.mark.parametrize(
    ("change", "modality", "column", "value"),
    [
        # One vote each: the first by name, whatever the order of the rows.
        ("has_scanner = true, manufacturer = 'Agfa'", "SR", "manufacturer", "Agfa"),
        ("has_scanner = false", "MR", "manufacturer", None),
        ("pe_threshold_percent = 90", "SR", "pe_threshold_percent", None),
    ],
    ids=["a tie", "no vote", "two thresholds"],
)
def test_votes(project: Path, change: str, modality: str, column: str, value: str | None) -> None:
    db = duckdb.connect()
    for name in ("acquisitions", "cases"):
        db.execute(f"create table {name} as from '{project}/data/tables/{name}.parquet'")
    where = f"case_id = 'ISPY1_9001' and modality = '{modality}'"
    db.execute(f"update acquisitions set {change} where {where}")
    for view in ("studies", "scanner_by_case"):
        db.execute(f"create view {view} as {(project / f'sql/views/{view}.sql').read_text()}")
    found = ask(db, f"select {column} from scanner_by_case where case_id = 'ISPY1_9001'")
    assert found == [(value,)]


def test_subjects_by_source(db: duckdb.DuckDBPyConnection) -> None:
    found = {
        row[0]: row[1:]
        for row in ask(db, "select case_id, sources, only_in, n_studies from subjects_by_source")
    }
    assert found["ISPY1_9001"] == ("release, workbook, idc", None, 2)
    assert found["ISPY1_9004"] == ("release, workbook", None, 0)
    assert found["ISPY1_9005"] == ("release", "release", 0)
    assert found["ISPY1_9050"] == ("workbook, idc", None, 2)
    assert found["ISPY1_9060"] == ("idc", "idc", 2)
    assert len(found) == 7


def test_without_a_slice_the_views_are_empty_and_say_so(tmp_path: Path) -> None:
    blank = etl.connect(make_project(tmp_path / "p", empty=True, views=(*VIEWS, *COUNTED)))
    for view in VIEWS:
        assert ask(blank, f"from {view}") == []
    counts = "select n from case_counts where starts_with(name, 'idc_')"
    assert ask(blank, counts) == [(None,)] * 3
