"""Commands that judge: gate and verdict, two stages of the pipeline."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from etl.cli.answer import JsonOption, echo_json
from etl.cli.progress import progress_bar
from etl.model import project

if TYPE_CHECKING:
    from etl.gate.report import GateReport


def register(app: typer.Typer) -> None:
    """Add the commands of this topic."""
    for command in (gate, verdict):
        app.command(rich_help_panel="Stages of the pipeline")(command)


def gate(
    *,
    docs: Annotated[
        bool, typer.Option("--docs", help="Also build Data Docs in reports/docs.")
    ] = False,
    as_json: JsonOption = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 where a critical contract is broken.")
    ] = False,
    accept: Annotated[
        bool,
        typer.Option("--accept-contracts", help="Only list the contracts that must exist anew."),
    ] = False,
    whole: Annotated[
        bool, typer.Option("--all", help="On a terminal, too, all contracts, cases and values.")
    ] = False,
) -> None:
    """Judge the tables by the contracts (stage `gate`). Without --strict it exits 0 when red, too.

    Writes data/gate/gate_results.parquet and reports/gate.json. A contract that is listed in
    expectations/contracts.csv and gone from its suite is critical; review a change of the list.

    Examples:
    - `ispy1 gate`
    - `ispy1 gate --docs`
    - `ispy1 gate --all`
    - `ispy1 gate --json`
    - `ispy1 gate --strict`
    - `ispy1 gate --accept-contracts`
    """
    from rich.console import Console

    from etl.gate.contracts import accept_contracts, describe_unlisted
    from etl.gate.judge import run_gate
    from etl.gate.suites import LIST
    from etl.gate.text import show

    root = project.find_root()
    if accept:
        typer.echo(f"{LIST}: {accept_contracts(root)} contracts. Review it with git diff.")
        return
    with progress_bar("gate") as advance:
        report = run_gate(root, docs=docs, progress=advance)
    if as_json:
        echo_json(_make_answer(report))
    else:
        show(report, Console(), whole=whole)
    for line in describe_unlisted(root):
        typer.echo(line, err=True)
    if docs:
        typer.echo(f"Data Docs: {root / 'reports' / 'docs' / 'index.html'}", err=True)
    if strict and not report.is_green:
        raise typer.Exit(1)


def verdict(*, as_json: JsonOption = False) -> None:
    """Say what the gate found; exit with 1 where a critical contract is broken, or it is stale.

    Stale: tables, rules or release are not those that the gate judged. `ispy1 gate` judges them,
    and says all: cases, observed, expected, what to do.

    Examples:
    - `ispy1 verdict`
    - `ispy1 verdict --json`
    """
    from rich.console import Console

    from etl.gate.report import find_stale, read_report
    from etl.gate.text import describe_stale, show_verdict

    root = project.find_root()
    # As a stage it follows what DVC has just looked at: the release is what was judged.
    is_stage = os.environ.get("DVC_STAGE") == "verdict"
    report, stale = read_report(root), find_stale(root, blobs=not is_stage)
    if as_json:
        echo_json(_make_answer(report, stale))
    elif stale:
        typer.echo(describe_stale(report, stale))
    else:
        show_verdict(report, Console())
    if stale or not report.is_green:
        raise typer.Exit(1)


def _make_answer(report: GateReport, stale: Sequence[str] = ()) -> dict[str, Any]:
    failing = [{**c.row(), "fix": c.fix} for c in report.failing]
    answer = {**report.summary(), "failing": failing}
    return answer | ({"verdict": "stale", "stale": stale} if stale else {})
