"""Every line of faults.csv: break a copy, build, look for the finding and the exit code."""

from __future__ import annotations

import csv
import errno
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from etl.cli import app, main
from etl.gate.judge import run_gate
from etl.model.store import read_table
from faults.breaks import BREAKS, CASE, OTHER, Release
from faults.conftest import build_stale

TABLE = list(csv.DictReader((Path(__file__).parent / "faults.csv").open(encoding="utf-8")))

FAULTS = [row for row in TABLE if row["source"] != "command"]
COMMANDS = {row["fault"]: row for row in TABLE if row["source"] == "command"}


def test_every_break_is_in_the_table() -> None:
    assert {row["fault"] for row in FAULTS} == set(BREAKS)
    assert len(BREAKS) >= 25


@pytest.mark.parametrize("row", FAULTS, ids=[row["fault"] for row in FAULTS])
def test_fault(row: dict[str, str], broken: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    root = broken.root.parents[1]
    BREAKS[row["fault"]](broken)
    build_stale(root)
    run_gate(root)

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
    results = read_table(root / "data/gate/gate_results.parquet").to_pylist()
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
    """The case that nobody broke has its images, masks, pairs and features."""
    counts = {
        name: sum(
            r["case_id"] == OTHER
            for r in read_table(root / f"data/tables/{name}.parquet").to_pylist()
        )
        for name in ("images", "masks", "mask_agreement", "recomputed_features")
    }
    assert CASE != OTHER
    return counts == {"images": 6, "masks": 3, "mask_agreement": 3, "recomputed_features": 281}


def test_read_only_output(
    broken: Release, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    row = COMMANDS["read_only_output"]
    root = broken.root.parents[1]
    before = (root / "data/tables/masks.parquet").read_bytes()

    def refuse(_: Path, target: Path) -> Path:
        raise OSError(errno.EROFS, "Read-only file system", str(target))

    monkeypatch.chdir(root)
    (root / "data/tables/masks.parquet").write_bytes(b"damaged")  # so that it is written again
    before = b"damaged"
    monkeypatch.setattr(Path, "replace", refuse)  # root may write anywhere: chmod proves nothing
    monkeypatch.setattr("sys.argv", ["ispy1", "tables", "masks"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == int(row["exit_code"])
    shown = capsys.readouterr().err
    assert row["check"] in shown
    assert row["names"] in shown
    assert (root / "data/tables/masks.parquet").read_bytes() == before
