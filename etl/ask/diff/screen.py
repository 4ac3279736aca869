"""A difference on a terminal: what matters most, in few lines; whole in a pipe."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from operator import itemgetter
from typing import TYPE_CHECKING

from etl.ask.diff.records import Difference
from etl.ask.diff.render import (
    CELL,
    COLOURS,
    LIMIT,
    UNKNOWN,
    Section,
    list_sections,
    show_unknown_rows,
    write_headline,
)
from etl.text.table import Texts, lay_out
from etl.text.values import strip_controls, wrap_line

if TYPE_CHECKING:
    from rich.console import Console

# Rows of a section on a terminal, by how its title begins.
_LIMITS = {"Masks": 12, "Coverage: known": 3, "Values": 6, "Summary": 4, "": 8}
_OF_ONE_TABLE = 3  # rows of values: a table of many rows hides no other
_INDENT = 4


def show(difference: Difference, console: Console, *, whole: bool = False) -> None:
    """Print the report: short on a terminal, with colours there only.

    Args:
        difference: what to show.
        console: where to.
        whole: show every row and column, on a terminal, too.
    """
    is_brief = console.is_terminal and not whole
    width = console.width if console.is_terminal else None
    headline = wrap_line(write_headline(difference, named=not is_brief), width, _INDENT)
    _print(console, headline)
    sections = _list_brief(difference) if is_brief else list_sections(difference)
    for section in sections:
        _print(console, f"\n{section.title}", "bold")
        limit = len(section.rows) if whole else _find_limit(section) if is_brief else LIMIT
        shown = replace(section, rows=section.rows[:limit])
        if width is not None and section.columns == CELL:
            pieces = _stack(shown, width)
        else:
            pieces = _tabulate(shown, width, "whole" if whole else "fit")
        for style, lines in pieces:
            _print(console, lines, style)
        rest = len(section.rows) - limit
        if rest > 0:
            _print(console, f"and {rest:,} more{'' if is_brief else '; `--json` has all'}")
    if is_brief and sections:
        in_sql = '`--sql "from diff.masks"`'
        _print(console, f"\nEvery row and column: `--all`, or `--json`; in SQL: {in_sql}")


def _list_brief(difference: Difference) -> list[Section]:
    """Return the sections of a terminal: a line for each row of a table, not for its cells."""
    return [
        show_unknown_rows(difference)
        if section.title == UNKNOWN
        else replace(section, rows=_mix(section.rows) if section.columns == CELL else section.rows)
        for section in list_sections(difference)
    ]


def _mix(rows: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
    """Return the rows with those first that are among the first of their table."""
    counts: Counter[str] = Counter()
    ranked = []
    for row in rows:
        counts[row[0]] += 1
        ranked.append((counts[row[0]] > _OF_ONE_TABLE, row))
    return tuple(row for _, row in sorted(ranked, key=itemgetter(0)))


def _find_limit(section: Section) -> int:
    return next(n for name, n in _LIMITS.items() if section.title.startswith(name))


def _stack(section: Section, width: int | None) -> Iterator[tuple[str, str]]:
    """Yield style and text of changes that no line would hold: the row, below it what changed."""
    for table, key, column, before, after, difference, unusual, others in section.rows:
        notes = (difference, unusual and f"unusual {unusual}", others and f"{others} in this row")
        noted = f" ({', '.join(filter(None, notes))})" if any(notes) else ""
        for line in (f"{table} {key}", f"  {column}: {before} → {after}{noted}"):
            yield "", wrap_line(strip_controls(line), width, _INDENT)


def _tabulate(section: Section, width: int | None, texts: Texts) -> Iterator[tuple[str, str]]:
    """Yield style and text of the rows of a table, without the columns that say nothing."""
    used = [i for i in range(len(section.columns)) if any(row[i] for row in section.rows)]
    cells = [[row[i] for i in used] for row in section.rows]
    layout = lay_out([section.columns[i] for i in used], cells, width, texts, turn=False)
    yield "", "\n".join(layout.head)
    for row, lines in zip(section.rows, layout.rows, strict=True):
        yield next((COLOURS[cell] for cell in row if cell in COLOURS), ""), "\n".join(lines)


def _print(console: Console, text: str, style: str = "") -> None:
    console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)
