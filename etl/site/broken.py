"""The broken contracts of the gate that name a case."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from etl.gate.report import Contract, GateReport, find_report
from etl.site.gate import describe_verdict, make_case_finder
from etl.site.page import Site

_CHECK = re.compile(r" \(\w+\)$")  # behind the path that a finding names


@dataclass(frozen=True, slots=True)
class Breach:
    """A broken contract, and what of a case breaks it: paths, or words; empty for all of it."""

    contract: Contract
    what: Sequence[str]

    @property
    def link(self) -> str:
        """Return where the page of the gate has the contract."""
        return f"gate.html#{self.contract.suite}.{self.contract.expectation_id}"

    def as_json(self) -> dict[str, Any]:
        """Return it for machines."""
        names = ("severity", "suite", "expectation_id", "expectation", "observed", "fix")
        return {name: getattr(self.contract, name) for name in names} | {"what": [*self.what]}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate says of each case, the worst first.

    `note`: why it may not be true of these tables; empty where it is of them.
    """

    by_case: Mapping[str, Sequence[Breach]] = field(default_factory=dict)
    note: str = ""


def read_verdict(site: Site) -> Verdict:
    """Return what the gate said last; without a gate, that it did not judge."""
    report = find_report(site.root)
    colour, words = describe_verdict(site.root, report)
    by_case = list_breaches(report, make_case_finder(site)) if report else {}
    return Verdict(by_case, "" if colour in ("green", "red") else words)


def list_breaches(
    report: GateReport, find_case: Callable[[str], str | None]
) -> dict[str, list[Breach]]:
    """Return case -> the contracts that it breaks, the worst first.

    Args:
        report: of the gate.
        find_case: from what breaks a contract to a case of the release.
    """
    breaches: dict[str, list[Breach]] = {}
    for contract in report.failing:
        of_case: dict[str, list[str]] = {}
        for key, what in contract.failing:
            case_id = find_case(_CHECK.sub("", key))
            if case_id is not None:
                of_case.setdefault(case_id, []).append(what or key)
        for case_id, all_what in of_case.items():
            words = [text for text in all_what if text != case_id]
            breaches.setdefault(case_id, []).append(Breach(contract, words))
    return breaches


def count_critical(breaches: Sequence[Breach]) -> int:
    """Return how many of the contracts are critical."""
    return sum(breach.contract.severity == "critical" for breach in breaches)
