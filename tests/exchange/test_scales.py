"""Channels on different scales are said, with what has one scale."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import duckdb
import pytest
from support import ROOT

from etl.exchange import scales
from etl.model.profile import load_profile

FITS = """
create table phase_fits as
from (values ('A', true), ('B', false), ('C', null), ('D', true)) as t(case_id, is_stretched),
range(3) as phases(phase)
"""


def hold(monkeypatch: pytest.MonkeyPatch, statement: str) -> None:
    def open_tables(_root: Path) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect()
        connection.execute(statement)
        return connection

    monkeypatch.setattr(scales, "etl", SimpleNamespace(connect=open_tables))


def test_cases_on_different_scales(monkeypatch: pytest.MonkeyPatch) -> None:
    hold(monkeypatch, FITS)
    profile = load_profile(ROOT)
    lines = scales.describe_scales(ROOT, profile, "n3", "ABC")
    assert sorted(lines[:2]) == [
        "In 1 of 3 cases nothing shows whether the phases are on one scale (view phase_scale): C",
        "In 1 of 3 cases the phases are on different scales (view phase_scale): A",
    ]
    assert "--masks stv_manual or --masks stv_resunet go with images zscored" in lines[-1]
    assert scales.describe_scales(ROOT, profile, "n3", "B") == []
    assert scales.describe_scales(ROOT, profile, "zscored", "ABC") == []


def test_a_release_without_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    hold(monkeypatch, "select 1")
    assert scales.describe_scales(ROOT, load_profile(ROOT), "n3", "A") == []
