"""Commands that judge: gate and verdict, two stages of the pipeline."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from etl import project

if TYPE_CHECKING:
    from etl.gate_report import GateReport

JsonOption = Annotated[bool, typer.Option("--json", help="For machines.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this topic."""
    for command in (gate, verdict):
        app.command(rich_help_panel="Stages of the pipeline")(command)


def gate(
    docs: Annotated[  # noqa: FBT002  an option of the command line
        bool, typer.Option("--docs", help="Also build Data Docs in reports/docs.")
    ] = False,
    as_json: JsonOption = False,  # noqa: FBT002  an option of the command line
) -> None:
    """Judge the tables against the profile's contracts (stage `gate`). Red or green, it exits 0.

    Writes data/tables/gate_results.parquet and reports/gate.json.

    Examples: `ispy1 gate`, `ispy1 gate --docs`, `ispy1 gate --json`
    """
    from etl.gate import run_gate

    root = project.find_root()
    report = run_gate(root, docs=docs)
    _show(report, as_json=as_json, only_critical=False)
    if docs:
        typer.echo(f"Data Docs: {root / 'reports' / 'docs' / 'index.html'}", err=True)


def verdict(as_json: JsonOption = False) -> None:  # noqa: FBT002  an option of the command line
    """Say what the gate found, and exit with 1 where a critical contract is broken.

    Examples: `ispy1 verdict`, `ispy1 verdict --json`
    """
    from etl.gate_report import read_report

    report = read_report(project.find_root())
    _show(report, as_json=as_json, only_critical=True)
    if not report.is_green:
        raise typer.Exit(1)


def _show(report: GateReport, *, as_json: bool, only_critical: bool) -> None:
    from rich.console import Console

    from etl.gate_report import show

    if as_json:
        failing = [{**c.row(), "fix": c.fix} for c in report.failing]
        typer.echo(json.dumps({**report.summary(), "failing": failing}, indent=2))
        return
    show(report, Console(), only_critical=only_critical)
