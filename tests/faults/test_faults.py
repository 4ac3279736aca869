"""Every line of faults.csv: break a copy, build, look for the finding and the exit code."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from etl.cli import app
from etl.store import read_table
from faults.breaks import BREAKS, CASE, OTHER, Release
from faults.conftest import build_stale

FAULTS = list(csv.DictReader((Path(__file__).parent / "faults.csv").open(encoding="utf-8")))


def test_every_break_is_in_the_table() -> None:
    assert {row["fault"] for row in FAULTS} == set(BREAKS)
    assert len(BREAKS) >= 25


@pytest.mark.parametrize("row", FAULTS, ids=[row["fault"] for row in FAULTS])
def test_fault(row: dict[str, str], broken: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    root = broken.root.parents[1]
    BREAKS[row["fault"]](broken)
    build_stale(root)

    found = problems(root)
    wanted = (row["source"], row["check"], row["severity"], row["names"])
    if row["check"]:
        assert any(fits(problem, wanted) for problem in found), (wanted, found)
    else:
        assert not [p for p in found if p["severity"] == "critical"], found
    assert other_case_is_whole(root)

    monkeypatch.chdir(root)
    assert CliRunner().invoke(app, ["verdict"]).exit_code == int(row["exit_code"])


def problems(root: Path) -> list[dict[str, Any]]:
    """Findings and failing contracts in one form."""
    findings = read_table(root / "data/tables/findings.parquet").to_pylist()
    results = read_table(root / "data/tables/gate_results.parquet").to_pylist()
    return [
        {**f, "source": f["table"], "text": f"{f['case_id']} {f['path']} {f['observed']}"}
        for f in findings
    ] + [
        {**r, "source": f"gate:{r['suite']}", "check": r["expectation"],
         "text": f"{' '.join(r['failing_cases'])} {r['observed']}"}
        for r in results if not r["success"]
    ]  # fmt: skip


def fits(problem: dict[str, Any], wanted: tuple[str, str, str, str]) -> bool:
    source, check, severity, names = wanted
    return (
        problem["source"] == source
        and check in problem["check"]
        and problem["severity"] == severity
        and names in problem["text"]
    )


def other_case_is_whole(root: Path) -> bool:
    """The case that nobody broke has its images, its masks and its features."""
    counts = {
        name: sum(r["case_id"] == OTHER for r in read_table(root / f"data/tables/{name}.parquet").to_pylist())
        for name in ("images", "masks")
    }
    assert CASE != OTHER
    return counts == {"images": 6, "masks": 3}
