"""A red verdict is said, and who breaks it is named, or left out where that is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import CASES

from etl.exchange import export_for, verdict
from etl.exchange.target import Options
from etl.gate.report import Contract, Failing, GateReport
from etl.model.errors import Severity, UserError


def break_contract(severity: Severity, *cases: str) -> GateReport:
    failing = tuple(Failing(case, f"masks/{case}.nii") for case in cases)
    contract = Contract(
        suite="masks",
        expectation_id="1",
        expectation="A mask is not empty",
        column=None,
        severity=severity,
        success=False,
        n_checked=2,
        n_failed=len(cases),
        observed=None,
        failing=failing,
        fix="Draw it.",
    )
    return GateReport((contract,))


@pytest.fixture
def judge(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr(verdict, "find_stale", lambda _root, **_: [])
    red = break_contract("critical", CASES[0], "ISPY1_9099")
    monkeypatch.setattr(verdict, "read_report", lambda _root: red)
    return monkeypatch


def test_red_names_the_exported_cases(judge: pytest.MonkeyPatch, tmp_path: Path) -> None:
    first, *lines = verdict.describe_verdict(tmp_path, CASES)
    assert first.startswith("The verdict is red: 1 of 1 contracts judged")
    assert lines == [
        f"exported, but broken (masks: A mask is not empty): masks/{CASES[0]}.nii",
        "`--sound` leaves such cases out.",
    ]
    assert len(verdict.describe_verdict(tmp_path)) == 1
    judge.setattr(verdict, "read_report", lambda _root: break_contract("warning", *CASES))
    assert verdict.describe_verdict(tmp_path, CASES) == []


def test_sound_leaves_them_out(judge: pytest.MonkeyPatch, released: Path, tmp_path: Path) -> None:
    exported = export_for("monai", released, tmp_path / "out", Options(sound=True))
    assert exported.cases == [CASES[1]]
    assert f"left out (breaks masks: A mask is not empty): {CASES[0]}" in exported.notes
    judge.setattr(verdict, "find_stale", lambda _root, **_: ["a table changed"])
    with pytest.raises(UserError, match="--sound needs a verdict"):
        export_for("monai", released, tmp_path / "other", Options(sound=True))
    assert "stale" in verdict.describe_verdict(tmp_path)[0]
