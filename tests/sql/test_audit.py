"""The views and reports over the audit of the published features."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from made.small import FEATURES, ask

import etl
from etl.tables.feature_catalog import parse_name
from etl.warehouse.reports import find


def test_every_published_feature_has_a_definition(db: duckdb.DuckDBPyConnection) -> None:
    found = ask(db, "select feature, tier, is_fragile, reason from feature_definitions")
    assert found == [(feature, "exact", False, None) for feature in FEATURES]


@pytest.mark.parametrize(
    ("feature", "tier", "is_fragile", "said"),
    [
        ("T1_E_Intensity_MeanAbsoluteDeviation", "not_comparable", False, "Rounding noise%"),
        ("T1_E_Intensity_Mode", "exact", True, None),
        ("T1_E_Histogram_Bins-128_Bins-128_Bin-7_Frequency", "exact", True, None),
        ("T1_E_GLCM_Bins-128_Radius-1_Energy", "concordance", False, "Whether CaPTk averaged%"),
        ("T1_E_GLRLM_Bins-128_Radius-3_RunPercentage", "not_comparable", False, "Offset fault%"),
        ("T1_E_Wavelet_Energy", "not_comparable", False, "not in sql/published_catalog.csv"),
    ],
)
def test_the_line_of_a_statistic_goes_before_that_of_its_family(
    project: Path, feature: str, tier: str, *, is_fragile: bool, said: str | None
) -> None:
    parts = parse_name(feature) or {}
    with etl.connect(project) as db:
        db.execute("drop view feature_catalog; create table feature_catalog as select "
                   f"'{feature}' as feature, '{parts['family']}' as family, "
                   f"'{parts['statistic']}' as statistic")  # fmt: skip
        sql = "select tier, is_fragile, reason, reason like ? from feature_definitions"
        ((found, fragile, reason, is_like),) = db.execute(sql, [said]).fetchall()
    assert (found, fragile) == (tier, is_fragile)
    assert (reason is None) if said is None else is_like


def test_how_each_input_fits(db: duckdb.DuckDBPyConnection) -> None:
    found = ask(db, "select image_set, n, n_equal, median_relative_difference, is_best "
                    f"from feature_fits where feature = '{FEATURES[1]}'")  # fmt: skip
    assert found == [("n3", 2, 2, 0, True), ("zscored", 2, 0, 0.5, False)]


def test_the_report_counts_by_family(db: duckdb.DuckDBPyConnection, project: Path) -> None:
    found = ask(db, find(project, "audit"))
    assert [row[:6] for row in found] == [
        ("Intensity", "exact", "agrees exactly", "n3", 1, 2),
        ("Volumetric", "exact", "agrees exactly", "n3", 2, 2),
    ]


def test_the_report_of_wrong_values_is_that_of_the_findings(
    db: duckdb.DuckDBPyConnection, project: Path
) -> None:
    assert ask(db, find(project, "wrong_values")) == []


def test_a_mask_that_came_as_another_file_is_stale(db: duckdb.DuckDBPyConnection) -> None:
    found = ask(db, "select distinct case_id, mask, published_from, now from stale_features")
    assert found == [("ISPY1_9002", "stv_manual", "1" * 32, "0" * 32)]
