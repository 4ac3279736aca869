"""What the gate said: contracts, their counts and the verdict. etl.gate.text puts it in words.

Nothing here needs Great Expectations: `verdict` reads the table and the metric in a moment.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from etl.gate.judged import find_changed_blobs, find_changes, find_stale_tables
from etl.gate.suites import LIST, SUITES, read_suites
from etl.model import project
from etl.model.errors import SEVERITIES, Severity, UserError
from etl.model.store import read_footer, read_table, table_path, write_text

if TYPE_CHECKING:
    from etl.gate.drift import Reference

METRIC = "reports/gate.json"
# How `observed` begins where a contract was not judged, and why that is no failure.
WAIVED = "waived: "
NOT_JUDGED = "not judged: "
GONE = "gone: no suite holds this contract"  # `observed` where the list has more than the suites
GONE_FIX = (
    f"git checkout {SUITES}; where its words changed: change them in {LIST}, too; where it was "
    "dropped on purpose: `ispy1 gate --accept-contracts`, and review the diff."
)
NOTHING = "nothing to judge"  # `observed` where no row has what the contract judges
JUDGED = "judged"  # in reports/gate.json and the footer of gate_results: path -> MD5
REFERENCE = "drift_reference"  # in reports/gate.json: what the suite drift compared with


class Failing(NamedTuple):
    """What breaks a contract: a case, or another key, and what of it (a path); empty: all of it."""

    key: str
    what: str = ""

    def __str__(self) -> str:
        """Return it as the table holds it."""
        return f"{self.key}: {self.what}" if self.what else self.key


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
    failing: tuple[Failing, ...]
    fix: str

    @property
    def failing_cases(self) -> tuple[str, ...]:
        """What breaks it, as the table holds it."""
        return tuple(map(str, self.failing))

    def row(self) -> dict[str, Any]:
        """Return the row of the table `gate_results`."""
        names = (f.name for f in fields(self) if f.name not in ("failing", "fix"))
        row = {name: getattr(self, name) for name in names}
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
        """Return what reports/gate.json holds of the table `gate_results`: a function of it alone.

        `n_contracts` counts expectations of the suites, `n_checked` those that had something to
        judge, `n_waived` those that the profile waives, `n_not_judged` those without an earlier
        version or a workbook to compare with; `n_failed` is by severity, and `n_nothing_to_judge`
        of its critical ones found nothing to judge, because their input is missing.
        """
        failed = Counter(c.severity for c in self.failing)
        suites = sorted({c.suite for c in self.contracts})
        return {
            "verdict": "green" if self.is_green else "red",
            "n_contracts": len(self.contracts),
            "n_checked": sum(c.n_checked > 0 for c in self.contracts),
            "n_waived": _count_excused(self.contracts, WAIVED),
            "n_not_judged": _count_excused(self.contracts, NOT_JUDGED),
            "n_failed": {severity: failed[severity] for severity in SEVERITIES},
            "n_nothing_to_judge": sum(c.observed == NOTHING for c in self.failing),
            "suites": {name: _count_contracts(self.contracts, name) for name in suites},
        }


def _count_contracts(contracts: Iterable[Contract], suite: str) -> dict[str, int]:
    failed = [not c.success for c in contracts if c.suite == suite]
    return {"n_contracts": len(failed), "n_failed": sum(failed)}


def _count_excused(contracts: Iterable[Contract], why: str) -> int:
    excused = (c for c in contracts if c.success and not c.n_checked)
    return sum((c.observed or "").startswith(why) for c in excused)


def write_metric(
    report: GateReport, root: Path, judged: Mapping[str, str], reference: Reference | None = None
) -> None:
    """Write reports/gate.json: no clock, so that the same results give the same bytes.

    Args:
        report: the results.
        root: the project.
        judged: path -> MD5 of what they are about.
        reference: the earlier version that the suite `drift` compared with.
    """
    recorded = {REFERENCE: reference.as_json()} if reference else {}
    text = json.dumps({**report.summary(), JUDGED: judged, **recorded}, indent=2) + "\n"
    write_text(root / METRIC, text)


def read_recorded(root: Path) -> object:
    """Return what the last run of the gate wrote of the earlier version that it compared with."""
    metric = _read_json(root / METRIC)
    return metric.get(REFERENCE) if isinstance(metric, dict) else None


def find_report(root: Path) -> GateReport | None:
    """Return the latest results of the gate; None where there are none that hold together."""
    try:
        return read_report(root)
    except UserError:  # its message names this machine's folders: pages say it in their own words
        return None


def read_report(root: Path) -> GateReport:
    """Return the latest results of the gate.

    Raises:
        UserError: the gate did not run, or table, metric and suites are of different runs.
    """
    metric, table = root / METRIC, table_path(root / project.GATE, "gate_results")
    if not metric.is_file() or not table.is_file():
        message = f"{metric}: the gate did not run yet. Run `ispy1 repro`, or `ispy1 gate`."
        raise UserError(message)
    suites = read_suites(root)
    fixes = {
        (name, e["id"]): e["meta"]["fix"]
        for name, expectations in suites.items()
        for e in expectations
    }
    rows = read_table(table).to_pylist()
    report = GateReport(tuple(_parse_contract(row, fixes) for row in rows))
    listed = {(c.suite, c.expectation_id) for c in report.contracts if c.observed != GONE}
    stated, summary = _read_json(metric), report.summary()
    counts = {name: stated.get(name) for name in summary} if isinstance(stated, dict) else None
    if (
        listed != set(fixes)
        or counts != summary
        or read_footer(table).get(JUDGED) != _read_judged(root)
    ):
        message = (
            f"{metric}: is of another run than data/gate/gate_results.parquet and {SUITES}. "
            "Run `ispy1 repro`, or `ispy1 gate`."
        )
        raise UserError(message)
    return report


def _parse_contract(row: Mapping[str, Any], fixes: Mapping[tuple[str, str], str]) -> Contract:
    fix = fixes.get((row["suite"], row["expectation_id"]), GONE_FIX)
    stated = {name: value for name, value in row.items() if name != "failing_cases"}
    return Contract(**stated, failing=tuple(map(_parse_failing, row["failing_cases"])), fix=fix)


def _parse_failing(text: str) -> Failing:
    """Return what the table holds as text; a case's id has neither a space nor a slash."""
    key, _, what = text.partition(": ")
    return Failing(text) if " " in key or "/" in key else Failing(key, what)


def _read_json(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _read_judged(root: Path) -> dict[str, str] | None:
    """Return what reports/gate.json says was judged; None where an older program wrote it."""
    stated = _read_json(root / METRIC)
    judged: Any = stated.get(JUDGED) if isinstance(stated, dict) else None
    is_stated = isinstance(judged, dict) and all(isinstance(h, str) for h in judged.values())
    return judged if is_stated else None


def find_stale(root: Path, *, blobs: bool = True) -> list[str]:
    """Return what differs from what the latest results of the gate are about.

    Args:
        root: the project.
        blobs: look at the blobs that lie here, too (that takes a second).
    """
    judged = _read_judged(root)
    if judged is None:
        return [f"{METRIC} does not say what was judged"]
    return [*find_changes(root, judged), *(find_changed_blobs(root) if blobs else ())]


def describe_stale_tables(root: Path, *, blobs: bool = False) -> str | None:
    """Return the line for whoever asks tables that the gate did not judge; None: it did.

    Args:
        root: the project.
        blobs: whether the release that lies here counts, too (that takes a second).
    """
    changes = find_stale_tables(root, _read_judged(root) or {})
    words = "; ".join([*changes, *(find_changed_blobs(root) if blobs else ())])
    return f"Stale since the last verdict: {words}. Run `ispy1 repro`." if words else None


def format_headline(report: GateReport) -> str:
    """Return the verdict in one sentence, with its counts."""
    counts = report.summary()
    n_empty = counts["n_nothing_to_judge"]
    broken = {**counts["n_failed"], "critical": counts["n_failed"]["critical"] - n_empty}
    failed = ", ".join(f"{n} {severity}" for severity, n in broken.items() if n)
    reasons = {"n_waived": "waived by the profile", "n_not_judged": "with nothing to compare with"}
    others = "".join(f", {counts[name]} {why}" for name, why in reasons.items() if counts[name])
    empty = f"; {n_empty} with nothing to judge (their input is missing)" if n_empty else ""
    return (
        f"{counts['verdict']}: {counts['n_checked']} of {counts['n_contracts']} contracts "
        f"judged{others}; broken: {failed or 'none'}{empty}"
    )
