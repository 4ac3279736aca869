"""What the gate said: contracts, their counts, the verdict, and how people read them.

Nothing here needs Great Expectations: `verdict` reads the table and the metric in a moment.
"""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from etl import project
from etl.errors import Severity, UserError
from etl.store import read_table, table_path, write_atomically

SUITES = "expectations/suites"
METRIC = "reports/gate.json"
MAX_LINES = 40
SEVERITIES: tuple[Severity, ...] = ("critical", "warning", "info")


@dataclass(frozen=True, slots=True)
class Contract:
    """One row of `gate_results`, with what to do where it is broken."""

    suite: str
    expectation_id: str
    expectation: str
    column: str | None
    severity: Severity
    success: bool
    n_checked: int
    n_failed: int
    observed: str | None
    failing_cases: tuple[str, ...]
    fix: str

    def row(self) -> dict[str, Any]:
        """The row of the table `gate_results`."""
        row = asdict(self)
        del row["fix"]
        return {**row, "failing_cases": list(self.failing_cases)}


@dataclass(frozen=True, slots=True)
class GateReport:
    """All contracts of one run of the gate, in the order of the table."""

    contracts: tuple[Contract, ...]

    @property
    def failing(self) -> tuple[Contract, ...]:
        """The broken contracts, the worst first."""
        broken = (c for c in self.contracts if not c.success)
        return tuple(sorted(broken, key=lambda c: SEVERITIES.index(c.severity)))

    @property
    def is_green(self) -> bool:
        """Whether no critical contract is broken, and there is a contract at all."""
        critical = any(c.severity == "critical" for c in self.failing)
        return bool(self.contracts) and not critical

    def summary(self) -> dict[str, Any]:
        """What reports/gate.json holds: a function of the table `gate_results` alone.

        `n_contracts` counts expectations of the suites, `n_checked` those that had something to
        judge, `n_waived` those that the profile waives; `n_failed` is by severity.
        """
        failed = Counter(c.severity for c in self.failing)
        suites = sorted({c.suite for c in self.contracts})
        return {
            "verdict": "green" if self.is_green else "red",
            "n_contracts": len(self.contracts),
            "n_checked": sum(c.n_checked > 0 for c in self.contracts),
            "n_waived": sum(c.n_checked == 0 and c.success for c in self.contracts),
            "n_failed": {severity: failed[severity] for severity in SEVERITIES},
            "suites": {name: _counts(self.contracts, name) for name in suites},
        }


def _counts(contracts: Iterable[Contract], suite: str) -> dict[str, int]:
    own = [c for c in contracts if c.suite == suite]
    return {"n_contracts": len(own), "n_failed": sum(not c.success for c in own)}


def write_metric(report: GateReport, root: Path) -> None:
    """Write reports/gate.json: no clock, so that the same results give the same bytes."""
    text = json.dumps(report.summary(), indent=2) + "\n"
    write_atomically(root / METRIC, lambda path: path.write_text(text, encoding="utf-8"))


def read_suites(root: Path) -> dict[str, list[dict[str, Any]]]:
    """The expectations of every suite, as Great Expectations' own JSON has them.

    Raises:
        UserError: there is no suite, or a file is not JSON of that form.
    """
    paths = sorted((root / SUITES).glob("*.json"))
    if not paths:
        message = f"{root / SUITES}: holds no suite. Restore the folder with git checkout."
        raise UserError(message)
    return {path.stem: _expectations(path) for path in paths}


def _expectations(path: Path) -> list[dict[str, Any]]:
    try:
        found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["expectations"]
        ids = [(entry["id"], entry["notes"], entry["meta"]["fix"]) for entry in found]
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"{path}: not a suite ({error!r}). Restore the file with git checkout."
        raise UserError(message) from error
    if len({identity for identity, _, _ in ids}) < len(ids):
        message = f"{path}: an id occurs twice. Give every expectation an id of its own."
        raise UserError(message)
    return found


def read_report(root: Path) -> GateReport:
    """The latest results of the gate.

    Raises:
        UserError: the gate did not run, or table, metric and suites are of different runs.
    """
    metric = root / METRIC
    if not metric.is_file():
        message = f"{metric}: the gate did not run yet. Run `ispy1 repro`, or `ispy1 gate`."
        raise UserError(message)
    suites = read_suites(root)
    fixes = {(name, e["id"]): e["meta"]["fix"] for name, found in suites.items() for e in found}
    rows = read_table(table_path(root / project.TABLES, "gate_results")).to_pylist()
    report = GateReport(tuple(_contract(row, fixes) for row in rows))
    known = {(c.suite, c.expectation_id) for c in report.contracts}
    if known != set(fixes) or _read_json(metric) != report.summary():
        message = (
            f"{metric}: is of another run than data/tables/gate_results.parquet and {SUITES}. "
            "Run `ispy1 repro`, or `ispy1 gate`."
        )
        raise UserError(message)
    return report


def _contract(row: Mapping[str, Any], fixes: Mapping[tuple[str, str], str]) -> Contract:
    fix = fixes.get((row["suite"], row["expectation_id"]), "")
    return Contract(**{**row, "failing_cases": tuple(row["failing_cases"]), "fix": fix})


def _read_json(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return None


def verdict(root: Path) -> bool:
    """Whether no critical contract is broken, by the latest results of the gate.

    Raises:
        UserError: the gate did not run, or its results are older than its suites.
    """
    return read_report(root).is_green


def headline(report: GateReport) -> str:
    """The verdict in one sentence, with its counts."""
    counts = report.summary()
    failed = ", ".join(f"{n} {severity}" for severity, n in counts["n_failed"].items() if n)
    waived = f", {counts['n_waived']} waived by the profile" if counts["n_waived"] else ""
    return (
        f"{counts['verdict']}: {counts['n_checked']} of {counts['n_contracts']} contracts "
        f"judged{waived}; broken: {failed or 'none'}"
    )


def show(report: GateReport, console: Console, *, only_critical: bool = False) -> None:
    """Print the broken contracts: a table on a terminal, plain lines in a pipe."""
    failing = [c for c in report.failing if c.severity == "critical" or not only_critical]
    judged = [c for c in failing if c.n_checked]
    if judged and console.is_terminal:
        console.print(_table(judged))
        lines = [line for c in judged for line in (f"{c.suite}: {c.expectation}", *_cases(c))]
    else:
        lines = [line for c in judged for line in _lines(c)]
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    for line in _unjudged(failing):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    console.print(headline(report), markup=False, highlight=False, soft_wrap=True)


def _table(contracts: list[Contract]) -> Table:
    table = Table("severity", "suite", "expected", "observed", "fix", show_lines=True)
    for c in contracts:
        cells = (c.severity, c.suite, c.expectation, c.observed or "", c.fix)
        table.add_row(*(escape(cell) for cell in cells))
    return table


def _lines(contract: Contract) -> list[str]:
    first = f"{contract.severity}  {contract.suite}: {contract.expectation}"
    return [first, f"  observed: {contract.observed}", *_cases(contract), f"  fix: {contract.fix}"]


def _cases(contract: Contract) -> list[str]:
    """The cases: ids in a paragraph; paths on lines of their own, so that they can be copied."""
    cases = contract.failing_cases
    if all(" " not in case for case in cases):
        wrapped = textwrap.TextWrapper(98, "  - ", "    ", break_long_words=False)
        wrapped.break_on_hyphens = False
        return wrapped.wrap(", ".join(cases))
    lines = [f"  - {case}" for case in cases[:MAX_LINES]]
    rest = len(cases) - len(lines)
    return [*lines, f"  - and {rest} more (gate_results.failing_cases)"] if rest else lines


def _unjudged(contracts: Iterable[Contract]) -> list[str]:
    """One line a suite and reason for contracts that had nothing to judge, or could not."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for c in contracts:
        if not c.n_checked:
            reasons.setdefault((c.suite, c.observed or ""), []).append(c.column or "rows")
    return [
        f"critical  {suite}: {reason} ({', '.join(dict.fromkeys(columns))})"
        for (suite, reason), columns in reasons.items()
    ]
