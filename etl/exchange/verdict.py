"""What the gate says of an export and of the cases in it: who takes them should know."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from etl.gate.report import Contract, Failing, GateReport, find_stale, format_headline, read_report
from etl.gate.text import FEW, SCREEN_CONTRACTS, describe_stale, group
from etl.model.errors import UserError


def describe_verdict(root: Path, cases: Collection[str] = ()) -> list[str]:
    """Return lines about a verdict that is red, stale or missing; none where it is green.

    Args:
        root: the project.
        cases: those that were exported; a line per broken critical contract names them.
    """
    try:
        report = read_report(root)
    except UserError as error:
        return [f"These tables are not judged. {error}"]
    changes = find_stale(root, blobs=False)
    if changes:
        return [f"The verdict is {describe_stale(report, changes)}", *_name_cases(report, cases)]
    if report.is_green:
        return []
    return [f"The verdict is {format_headline(report)}.", *_name_cases(report, cases)]


def _list_critical(report: GateReport) -> list[Contract]:
    return [c for c in report.failing if c.severity == "critical"]


def _name_cases(report: GateReport, exported: Collection[str]) -> Iterator[str]:
    """Yield a line per contract that exported cases break."""
    named = [
        f"exported, but broken ({c.suite}: {c.expectation}): {words}"
        for c in _list_critical(report)
        if (words := _name_entries(entry for entry in c.failing if entry.key in exported))
    ]
    yield from named[:SCREEN_CONTRACTS]
    if len(named) > SCREEN_CONTRACTS:
        yield f"{len(named) - SCREEN_CONTRACTS} more contracts are broken by them: `ispy1 gate`"
    if named:
        yield "`--sound` leaves such cases out."


def _name_entries(entries: Iterable[Failing]) -> str:
    groups = group(entries)
    more = [f"and {len(groups) - FEW:,} more"] if len(groups) > FEW else []
    return "; ".join([*(g.words() for g in groups[:FEW]), *more])


def find_unsound(root: Path) -> dict[str, str]:
    """Return the critical contract that a case breaks, by case.

    Raises:
        UserError: the gate has not judged what lies here.
    """
    report, changes = read_report(root), find_stale(root, blobs=False)
    if changes:
        message = f"--sound needs a verdict, and it is {describe_stale(report, changes)}"
        raise UserError(message)
    return {
        entry.key: f"breaks {c.suite}: {c.expectation}"
        for c in reversed(_list_critical(report))
        for entry in c.failing
    }
