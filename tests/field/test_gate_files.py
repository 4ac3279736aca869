"""Suites as people edit and generate them: shortened, emptied, written by Great Expectations."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from made.green import CASES
from typer.testing import CliRunner

from etl.cli import app
from etl.gate import judge
from etl.gate.report import read_suites


@pytest.fixture
def project(green: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    root = Path(shutil.copytree(green, tmp_path / "project"))
    monkeypatch.chdir(root)
    yield root
    judge.context.cache_clear()


def test_a_contract_that_is_gone_is_critical(project: Path) -> None:
    suites = project / "expectations/suites"
    emptied = json.loads((suites / "keys.json").read_text())
    n_gone = len(read_suites(project)["masks"]) + len(emptied["expectations"])
    (suites / "masks.json").unlink()
    (suites / "keys.json").write_text(json.dumps({**emptied, "expectations": []}))
    assert CliRunner().invoke(app, ["gate"]).exit_code == 0
    done = CliRunner().invoke(app, ["verdict"])
    assert done.exit_code == 1
    assert done.stdout.count("gone: no suite holds this contract") == n_gone
    assert "critical  masks: " in done.stdout
    assert CliRunner().invoke(app, ["gate", "--accept-contracts"]).exit_code == 0
    assert judge.run_gate(project).is_green


def test_a_contract_that_is_new_is_judged_and_said(project: Path) -> None:
    path = project / "expectations/contracts.csv"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    done = CliRunner().invoke(app, ["gate"])
    assert "1 contract(s) more than expectations/contracts.csv lists" in done.stderr
    assert judge.run_gate(project).is_green


def test_the_list_is_what_the_suites_hold(project: Path) -> None:
    before = (project / "expectations/contracts.csv").read_bytes()
    CliRunner().invoke(app, ["gate", "--accept-contracts"])
    assert (project / "expectations/contracts.csv").read_bytes() == before
    shutil.move(project / "expectations/contracts.csv", project / "elsewhere.csv")
    assert "is no list of contracts" in str(CliRunner().invoke(app, ["gate"]).exception)


def test_a_suite_as_great_expectations_writes_it(project: Path) -> None:
    path = project / "expectations/suites/masks.json"
    suite = json.loads(path.read_text())
    first = suite["expectations"][1]
    for name in ("notes", "meta", "severity"):
        first.pop(name, None)
    first["kwargs"]["column"] = "no_such_column"
    path.write_text(json.dumps(suite))
    assert CliRunner().invoke(app, ["gate"]).exit_code == 0
    report = judge.run_gate(project)
    assert [c.expectation_id for c in report.failing] == [first["id"]]
    assert report.failing[0].severity == "critical"
    assert "no_such_column" in report.failing[0].expectation


MEAN: dict[str, object] = {
    "type": "expect_column_mean_to_be_between",
    "kwargs": {"column": "volume_rounded_cm3", "min_value": 4.0, "max_value": 6.0},
    "id": "6a3f1c9e-0000-4000-8000-000000000001",
}
QUANTILES: dict[str, object] = {
    "type": "expect_column_quantile_values_to_be_between",
    "kwargs": {
        "column": "volume_rounded_cm3",
        "quantile_ranges": {"quantiles": [0.5], "value_ranges": [[100.0, 200.0]]},
    },
    "id": "6a3f1c9e-0000-4000-8000-000000000002",
}
VALUES: dict[str, object] = {
    "type": "expect_column_distinct_values_to_be_in_set",
    "kwargs": {"column": "case_id", "value_set": [CASES[0]]},
    "id": "6a3f1c9e-0000-4000-8000-000000000003",
}


def _add(project: Path, *expectations: dict[str, object]) -> Path:
    path = project / "expectations/suites/masks.json"
    suite = json.loads(path.read_text())
    path.write_text(json.dumps({**suite, "expectations": [*suite["expectations"], *expectations]}))
    return path


def test_a_contract_of_all_rows_together_is_judged_for_what_it_is(project: Path) -> None:
    _add(project, MEAN, QUANTILES, VALUES)
    told = {c.expectation_id: c for c in judge.run_gate(project).contracts}
    mean, quantiles, values = (told[str(e["id"])] for e in (MEAN, QUANTILES, VALUES))
    assert mean.success
    assert mean.n_checked > 0
    assert mean.observed == f"5, of {mean.n_checked} rows"
    assert not quantiles.success
    assert quantiles.observed == f"quantiles: 0.5, values: 5, of {mean.n_checked} rows"
    assert not values.success
    assert values.observed == f"{CASES[1]}, of {mean.n_checked} rows"


def test_a_contract_without_an_id_is_a_sentence(project: Path) -> None:
    path = _add(project, {key: value for key, value in MEAN.items() if key != "id"})
    done = CliRunner().invoke(app, ["gate"])
    said = str(done.exception)
    assert (
        f"{path}: the expectation 'expect_column_mean_to_be_between of volume_rounded_cm3'" in said
    )
    assert "has no id" in said
