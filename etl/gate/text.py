"""What the gate said, in words: the details, the verdict, and lists that stay short but exact."""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from etl.gate.report import NOTHING, Contract, Failing, GateReport, format_headline
from etl.text.values import shorten_cell, shorten_words, strip_controls, wrap_line

if TYPE_CHECKING:
    from rich.console import Console

COVERAGE = "coverage"
FILE_COLUMNS = ("image_found", "mask_found", "workbook_found", "parameters_found")  # of COVERAGE
MAX_LISTED = 20  # entries of a list
MAX_PATHS = 30  # missing files that the verdict spells out: three cases and what no case has
FEW = 3  # entries that a line names
SCREEN_CONTRACTS = 8  # of the gate on a terminal, each with a few lines
VERDICT_CONTRACTS = 12
_COLOURS = {"critical": "bold red", "warning": "yellow"}
ALL_MISSING = "ispy1 sql -f csv \"select path from blobs where verdict = 'missing'\""
_ALL_FAILING = (
    'ispy1 sql -f csv "select unnest(failing_cases) as failing from gate_results '
    "where expectation_id = '{}'\""
)
CASE = "<case>"
_HOLE = "\0"  # where the case id stands in an entry
_WIDTH = 98
CLOSING = "The tables and reports/card.md are written. The build stays red until this is mended."


@dataclass(frozen=True, slots=True)
class Group:
    """Entries that differ only in their case, and in one number that is written {0,1,2}."""

    text: str  # empty for plain entries
    cases: tuple[str, ...]
    n_each: int = 1  # entries a case

    @property
    def what(self) -> str:
        """What breaks the contract; of several cases with a mark where the case stands."""
        return self.text.replace(_HOLE, CASE if len(self.cases) > 1 else self.cases[0])

    def words(self, limit: int = MAX_LISTED) -> str:
        """Return the entries as text; ids beyond the limit are counted."""
        named = ", ".join(self.cases[:limit])
        rest = len(self.cases) - limit
        named += f", and {rest:,} more" if rest > 0 else ""
        if not self.text:
            return named
        if len(self.cases) > 1:
            return f"{self.what} of {named}"
        return self.text.replace(_HOLE, named) if _HOLE in self.text else f"{named}: {self.text}"


def group(entries: Iterable[Failing]) -> list[Group]:
    """Group entries by what they have in common, in the order of the first.

    A path that holds its case is named without it in front.
    """
    by_text: dict[str, list[str]] = {}
    for key, what in entries:
        by_text.setdefault(what.replace(key, _HOLE), []).append(key)
    alike: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for text, cases in by_text.items():
        skeleton = tuple(re.split(r"[0-9]+", text))
        alike.setdefault((skeleton, tuple(cases)), []).append(text)
    return [g for (_, cases), texts in alike.items() for g in _fold_numbers(texts, cases)]


def _fold_numbers(texts: Sequence[str], cases: tuple[str, ...]) -> list[Group]:
    """Return one group where the texts differ in a single number, else one a text."""
    numbers = [re.findall(r"[0-9]+", text) for text in texts]
    varying = [n for n, column in enumerate(zip(*numbers, strict=True)) if len(set(column)) > 1]
    if len(varying) != 1:
        return [Group(text, cases) for text in texts]
    number_at = varying[0]
    before, after = _split_around(texts[0], number_at)
    return [
        Group(before + _fold_braces([row[number_at] for row in numbers]) + after, cases, len(texts))
    ]


def _split_around(text: str, number_at: int) -> tuple[str, str]:
    """Return the text before and after its number at `number_at`."""
    match = list(re.finditer(r"[0-9]+", text))[number_at]
    return text[: match.start()], text[match.end() :]


def _fold_braces(values: Sequence[str]) -> str:
    """Write `0000`, `0001` as `000{0,1}`, which a shell expands to the same."""
    columns = takewhile(lambda column: len(set(column)) == 1, zip(*values, strict=False))
    n_same = sum(1 for _ in columns) if len({len(v) for v in values}) == 1 else 0
    return f"{values[0][:n_same]}{{{','.join(value[n_same:] for value in values)}}}"


def format_list(entries: Sequence[Failing], command: str) -> list[str]:
    """Return the lines of a list: exact, short, and with the command that lists them all."""
    groups = group(entries)
    shown = groups[:MAX_LISTED]
    lines = [line for g in shown for line in _format_bullets(g)]
    n_shown = sum(len(g.cases[:MAX_LISTED]) * g.n_each for g in shown)
    if n_shown < len(entries):
        lines.append(f"  - all {len(entries):,}: {command}")
    return lines


def _format_bullets(group: Group) -> list[str]:
    """Return ids in a paragraph; a path, and what has spaces, unbroken, to be copied."""
    if not group.text and any(" " in entry for entry in group.cases):
        rest = len(group.cases) - MAX_LISTED
        more = [f"  - and {rest:,} more"] if rest > 0 else []
        return [*(f"  - {entry}" for entry in group.cases[:MAX_LISTED]), *more]
    line = f"  - {group.words()}"
    if len(line) <= _WIDTH or (group.text and len(group.cases) == 1):
        return [line]
    if not group.text:
        return _wrap(line.removeprefix("  - "), "  - ")
    text, of, ids = line.partition(f"{group.what} of ")
    return [f"{text}{of}".rstrip(), *_wrap(ids, "    ")]


def _wrap(text: str, first: str) -> list[str]:
    wrapper = textwrap.TextWrapper(_WIDTH, first, "    ", break_long_words=False)
    wrapper.break_on_hyphens = False
    return wrapper.wrap(text)


def list_unjudged(report: GateReport) -> list[str]:
    """Return one line per suite for contracts that had nothing to judge, or could not be judged."""
    by_suite: dict[tuple[str, str], list[Contract]] = {}
    for c in report.failing:
        if not c.n_checked:
            by_suite.setdefault((c.suite, c.observed or ""), []).append(c)
    return [
        _describe_unjudged(report, *key, contracts) for key, contracts in sorted(by_suite.items())
    ]


def _describe_unjudged(
    report: GateReport, suite: str, reason: str, contracts: Sequence[Contract]
) -> str:
    total = sum(c.suite == suite for c in report.contracts)
    empty = next((c.expectation for c in contracts if c.column is None), None)
    if reason == NOTHING and empty is not None:
        words = re.sub(r"^There is an? ", "there is no ", empty)
        share = "all" if len(contracts) == total else f"{len(contracts)} of"
        return f"{suite}: {words} ({share} its {total} contracts)"
    named = "; ".join(c.expectation for c in contracts)
    return f"{suite}: {reason} for {len(contracts)} of its {total} contracts: {named}"


def show(report: GateReport, console: Console, *, whole: bool = False) -> None:
    """Print what is broken, with all that helps; a terminal gets a few lines a contract.

    Args:
        report: of the gate.
        console: where to.
        whole: print all to a terminal, too.
    """
    judged = [c for c in report.failing if c.n_checked]
    is_brief = console.is_terminal and not whole
    if not is_brief:
        lines = [line for c in judged for line in _format_lines(c)]
        _print([*lines, *_format_empty(report), format_headline(report)], console)
        return
    lines = [x for c in judged[:SCREEN_CONTRACTS] for x in _format_brief(c, console.width)]
    hidden = judged[SCREEN_CONTRACTS:]
    kinds = Counter(c.severity for c in hidden)
    if hidden:
        counts = ", ".join(f"{n} {severity}" for severity, n in kinds.items())
        lines.append(f"{len(hidden)} more broken contracts ({counts}): `ispy1 gate --all`")
    elif judged:
        lines.append("Every case, and all that was observed: `ispy1 gate --all`")
    _print([format_headline(report), *_format_empty(report), *lines], console)


def _format_empty(report: GateReport) -> list[str]:
    empty = [f"critical  {line}" for line in list_unjudged(report)]
    fix = (
        "  fix: What they judge is missing or unreadable: see coverage, and the findings "
        '(`ispy1 sql "from findings"`).'
    )
    return [*empty, fix] if empty else []


def _format_brief(contract: Contract, width: int) -> list[str]:
    """Return what a contract says, saw, names and wants done, the lists cut."""
    groups = group(contract.failing)
    rest = len(groups) - FEW
    return [
        f"{contract.severity}  {contract.suite}: {contract.expectation}",
        shorten_cell(f"  observed: {contract.observed}", width),
        *(f"  - {shorten_words(g.words(FEW), width - 4)}" for g in groups[:FEW]),
        *([f"  - and {rest:,} more"] if rest > 0 else []),
        f"  fix: {contract.fix}",
    ]


def show_verdict(report: GateReport, console: Console) -> None:
    """Print the broken critical contracts in a line each, what is missing, and the verdict."""
    critical = [c for c in report.failing if c.severity == "critical"]
    lines = [f"critical  {_shorten_contract(c)}" for c in critical if c.observed != NOTHING]
    if console.is_terminal:
        rest = lines[VERDICT_CONTRACTS:]
        lines = [shorten_words(line, console.width - 10) for line in lines[:VERDICT_CONTRACTS]]
        lines += [f"critical  {len(rest)} more contracts: `ispy1 gate --all`"] if rest else []
    empty = [c for c in critical if c.observed == NOTHING]
    if empty:
        suites = ", ".join(sorted({c.suite for c in empty}))
        lines.append(f"critical  {suites}: {NOTHING} for {len(empty)} contract(s)")
    lines += [*_list_missing(report), format_headline(report)]
    if report.failing:
        lines.append("Details: ispy1 gate, reports/card.md")
    if not report.is_green:
        lines.append(CLOSING)
    _print(lines, console)


def describe_stale(report: GateReport, changes: Sequence[str]) -> str:
    """Return what to say of a verdict on a state that is not the one that lies here."""
    was = format_headline(report).partition(":")[0]
    return f"stale: the gate judged another state ({was}): {'; '.join(changes)}. Run `ispy1 repro`."


def _shorten_contract(contract: Contract) -> str:
    """Return a broken contract in a line; missing files follow by path, not named twice."""
    text = f"{contract.suite}: {contract.expectation}"
    if not contract.n_checked:
        return f"{text}: {contract.observed}"
    counts = f"{contract.n_failed} of {contract.n_checked}"
    if _is_of_files(contract):
        return f"{text}: {counts} missing"
    groups = group(contract.failing)
    rest = f"; and {len(groups) - 1} more" if len(groups) > 1 else ""
    return f"{text}: {counts}: {groups[0].words(FEW)}{rest}"


def _is_of_files(contract: Contract) -> bool:
    return contract.suite == COVERAGE and contract.column in FILE_COLUMNS


def _list_missing(report: GateReport) -> list[str]:
    """Return the missing files: all paths, or, where they are many, the paths of a case as one."""
    entries = [e for c in report.failing if _is_of_files(c) for e in c.failing]
    if not entries:
        return []
    first = "1 file is missing:" if len(entries) == 1 else f"{len(entries):,} files are missing:"
    if len(entries) > MAX_PATHS:
        return [first, *format_list(entries, ALL_MISSING)]
    return [first, *(f"  - {g.words()}" for entry in sorted(entries) for g in group([entry]))]


def _format_lines(contract: Contract) -> list[str]:
    first = f"{contract.severity}  {contract.suite}: {contract.expectation}"
    entries = format_list(contract.failing, write_command(contract))
    return [first, f"  observed: {contract.observed}", *entries, f"  fix: {contract.fix}"]


def write_command(contract: Contract) -> str:
    """Return the command that lists all that breaks a contract."""
    command = ALL_MISSING if _is_of_files(contract) else _ALL_FAILING
    return command.format(contract.expectation_id)


def _print(lines: Iterable[str], console: Console) -> None:
    for line in lines:
        first, _, _ = line.partition(" ")
        indent = 10 if first in _COLOURS else 4
        width = console.width if console.is_terminal else None
        text = wrap_line(strip_controls(line), width, indent)
        style = _COLOURS.get(first)
        console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)


def words(value: object) -> str:
    """Return a value of a suite, a profile or a result in words."""
    if isinstance(value, list):
        return ", ".join(words(entry) for entry in value)
    if isinstance(value, dict):
        return ", ".join(f"{name}: {words(entry)}" for name, entry in value.items())
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def describe_together(result: Mapping[str, Any], n_rows: int) -> str | None:
    """Return what was seen by an expectation that judges all rows together: a mean, a set.

    Args:
        result: of Great Expectations, as JSON.
        n_rows: how many rows it is about.

    Returns:
        None where the result does not state what it saw.
    """
    kind, stated = result.get("expectation_config", {}).get("type", ""), result["result"]
    if kind == "expect_column_to_exist":
        return "the column is there" if result["success"] else "no such column"
    if "observed_value" not in stated:
        return None
    value = stated["observed_value"]
    if kind.startswith("expect_table_row_count"):
        return f"{words(value)} rows"
    odd, lacking = (stated.get(f"partial_{name}_list") for name in ("unexpected", "missing"))
    seen = [words(value)] if value is not None else [words(odd)] if odd else []
    seen += [f"without {words(lacking)}"] if lacking else []
    return f"{', '.join(seen)}, of {n_rows} rows" if seen else f"{n_rows} rows hold it"
