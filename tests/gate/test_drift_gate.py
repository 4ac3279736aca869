"""The suite drift in the gate: judged against an earlier version, or not judged and said so."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from history import git
from made.green import DRIFT_REFERENCE

from etl.gate import judge
from etl.gate import report as gate_report
from etl.gate.report import GateReport
from gate.bench import Bench


def drift_of(report: GateReport) -> list[tuple[bool, int, str | None]]:
    return [(c.success, c.n_checked, c.observed) for c in report.contracts if c.suite == "drift"]


def test_drift_names_both_volumes(bench: Bench) -> None:
    report = bench.judge_broken("update masks set volume_cm3 = 8 where mask = 'stv_resunet'")
    assert report.is_green  # a warning
    assert [c.observed for c in report.failing] == [
        "1 of 1: stv_resunet 5.0 cm3 at v0, 8.0 cm3 now"
    ]


def test_a_mask_set_that_is_gone_has_drifted(bench: Bench) -> None:
    report = bench.judge_broken("update masks set voxel_count = 0 where mask = 'stv_resunet'")
    drifted = [c for c in report.failing if c.suite == "drift"]
    assert {c.severity for c in drifted} == {"warning"}
    assert len(drifted) == 3
    assert "no cm3 now" in (drifted[0].observed or "")


@pytest.mark.parametrize(
    ("recorded", "reason"),
    [
        (None, "not judged: no earlier tag has a table of masks to compare with"),
        ({"dataset": "another"}, "not judged: v0 holds another data set (another)"),
    ],
)
def test_drift_without_an_earlier_version_is_not_judged(
    project: Path, recorded: dict[str, object] | None, reason: str
) -> None:
    metric = project / gate_report.METRIC
    stated = {"drift_reference": {**DRIFT_REFERENCE, **(recorded or {})}}
    metric.write_text(json.dumps(stated if recorded is not None else {}))
    report = judge.run_gate(project)
    assert drift_of(report) == [(True, 0, reason)] * 5
    assert report.is_green
    assert report.summary()["n_not_judged"] == 5
    # The totals that the phantom does not state: slices, and subjects, studies and series.
    assert report.summary()["n_waived"] == 4
    judged = report.summary()["n_contracts"] - 9
    assert report.summary()["n_checked"] == judged
    words = " contracts judged, 4 waived by the profile, 5 with nothing to compare with; broken"
    assert words in gate_report.format_headline(report)
    assert gate_report.read_report(project).summary() == report.summary()


def test_the_reference_is_recorded_and_used_again(project: Path) -> None:
    first = judge.run_gate(project)
    assert json.loads((project / gate_report.METRIC).read_text())["drift_reference"] == (
        DRIFT_REFERENCE
    )
    assert judge.run_gate(project) == first
    assert [checked for _, checked, _ in drift_of(first)] == [1] * 5


def test_a_clone_without_tags_gives_the_same_bytes(story: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(story, tmp_path / "story", symlinks=True))
    outputs = (root / "data/gate/gate_results.parquet", root / gate_report.METRIC)
    report = judge.run_gate(root)
    assert [checked for _, checked, _ in drift_of(report)] == [3] * 5
    before = [path.read_bytes() for path in outputs]
    assert b'"tag": "v1"' in before[1]
    git(root, "tag", "v2-accepted")
    judge.run_gate(root)
    assert [path.read_bytes() for path in outputs] == before
    git(root, "tag", "-d", "v1", "v2", "v2-accepted")
    judge.run_gate(root)
    assert [path.read_bytes() for path in outputs] == before
