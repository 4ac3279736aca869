"""The page of the gate: the verdict, and every contract with what was seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from etl.ask.card.template import ask
from etl.gate.report import (
    NOT_JUDGED,
    WAIVED,
    Contract,
    GateReport,
    find_report,
    find_stale,
    format_headline,
)
from etl.gate.suites import SUITES, Expectation, read_notes, read_suites
from etl.gate.text import MAX_LISTED, Group, describe_stale, group, write_command
from etl.model.errors import SEVERITIES
from etl.model.release import parse
from etl.site.page import File, Site, render_page

CASES_LISTED = 60  # of a group of failing cases
MOST_OBSERVED = 240  # letters of what was observed; the rest is folded
NEVER = "The gate has not judged these tables. Run `ispy1 repro`, or `ispy1 gate`."
# State of a contract -> its words, its colour, and its sign, which says the same without colour.
STATES = {
    "broken": ("broken", "bad", "✗"),
    "empty": ("nothing to judge", "bad", "✗"),
    "holds": ("holds", "good", "✓"),
    "waived": ("waived", "soft", "·"),
    "not_judged": ("not judged", "soft", "·"),
}


@dataclass(frozen=True, slots=True)
class Judged:
    """A contract as the page shows it.

    `state`: of STATES. `source`: of its number, empty without one. `groups`: what breaks it, at
    most MAX_LISTED; `command`: lists all, empty where the page does.
    """

    contract: Contract
    state: str
    source: str
    groups: Sequence[Group]
    command: str


@dataclass(frozen=True, slots=True)
class Suite:
    """The contracts of a suite, the worst of the broken ones first."""

    name: str
    notes: str
    broken: Sequence[Judged]
    others: Sequence[Judged]

    @property
    def path(self) -> str:
        """The file that states the contracts."""
        return f"{SUITES}/{self.name}.yaml"

    @property
    def counts(self) -> list[tuple[str, int]]:
        """How many contracts are in each state that one is in."""
        states = [item.state for item in (*self.broken, *self.others)]
        return [(state, states.count(state)) for state in STATES if state in states]


def make_pages(site: Site) -> Iterator[File]:
    """Yield the page of the verdict."""
    report = find_report(site.root)
    colour, words = describe_verdict(site.root, report)
    suites = list_suites(site, report) if report else []
    yield render_page(
        site, "gate.html", "gate.html.j2",
        colour=colour, words=words, counts=report.summary() if report else None, states=STATES,
        broken=sorted((suite for suite in suites if suite.broken), key=_rank_worst),
        others=[suite for suite in suites if not suite.broken],
        case_of=make_case_finder(site), cases_listed=CASES_LISTED, fold=fold_observed,
    )  # fmt: skip


def _rank_worst(suite: Suite) -> int:
    return SEVERITIES.index(suite.broken[0].contract.severity)


def fold_observed(contract: Contract) -> tuple[str, str]:
    """Return what was observed, with its counts, and what of a long list is folded."""
    observed = contract.observed or ""
    counts = f"{contract.n_failed:,} failed of {contract.n_checked:,} checked"
    is_counted = observed.startswith(f"{contract.n_failed} of {contract.n_checked}")
    comma = observed.rfind(", ", 0, MOST_OBSERVED) + 1
    end = (comma or MOST_OBSERVED) if len(observed) > MOST_OBSERVED else None
    first, rest = observed[:end], observed[end:].strip() if end else ""
    return (first if is_counted or contract.success else f"{first} ({counts})"), rest


def describe_verdict(root: Path, report: GateReport | None) -> tuple[str, str]:
    """Return green, red, stale or none, and the verdict in a sentence."""
    if report is None:
        return "none", NEVER
    changes = find_stale(root, blobs=False)
    if changes:
        return "stale", describe_stale(report, changes).partition(": ")[2]
    colour, _, words = format_headline(report).partition(": ")
    return colour, words


def list_suites(site: Site, report: GateReport) -> list[Suite]:
    """Return the contracts of a report by suite."""
    stated = read_suites(site.root)
    thresholds = {e["id"]: e["meta"].get("threshold") for suite in stated.values() for e in suite}
    by_suite = groupby(sorted(report.contracts, key=lambda c: c.suite), key=lambda c: c.suite)
    return [
        _make_suite(site, name, [_judge(site, c, thresholds) for c in contracts], stated)
        for name, contracts in by_suite
    ]


def _make_suite(
    site: Site, name: str, judged: Sequence[Judged], stated: Mapping[str, Sequence[Expectation]]
) -> Suite:
    notes = read_notes(site.root, name) if name in stated else None
    broken = sorted(
        (item for item in judged if not item.contract.success),
        key=lambda item: SEVERITIES.index(item.contract.severity),
    )
    return Suite(name, notes or "", broken, [item for item in judged if item.contract.success])


def _judge(site: Site, contract: Contract, thresholds: Mapping[str, str | None]) -> Judged:
    groups = group(contract.failing)
    is_whole = len(groups) <= MAX_LISTED and all(len(g.cases) <= CASES_LISTED for g in groups)
    return Judged(
        contract, find_state(contract), _describe_source(site, contract, thresholds),
        groups[:MAX_LISTED], "" if is_whole else write_command(contract),
    )  # fmt: skip


def find_state(contract: Contract) -> str:
    """Return which of STATES a contract is in."""
    observed = contract.observed or ""
    if not contract.success:
        return "broken" if contract.n_checked else "empty"
    if not contract.n_checked and observed.startswith((WAIVED, NOT_JUDGED)):
        return "waived" if observed.startswith(WAIVED) else "not_judged"
    return "holds"


def _describe_source(site: Site, contract: Contract, thresholds: Mapping[str, str | None]) -> str:
    """Return the number that a contract has from the profile, and where that is from."""
    name = thresholds.get(contract.expectation_id)
    threshold = site.profile.thresholds.get(name or "")
    return f"{name}: {threshold.source}" if threshold else ""


def make_case_finder(site: Site) -> Callable[[str], str | None]:
    """Return a function: from what breaks a contract, a case or a path, to a case with a page."""
    rows = ask(site.connection, "select case_id from cases where in_release")
    cases = {row["case_id"] for row in rows}

    def find_case(key: str) -> str | None:
        case_id = key if key in cases else parse(key, site.profile).case_id if "/" in key else None
        return case_id if case_id in cases else None

    return find_case
