"""A difference for people: the same sections on a terminal and as markdown for a pull request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from etl.ask.diff.records import CellChange, Difference, RowsChange, Summary
from etl.text.markdown import escape, format_table
from etl.text.values import format_line, format_value, shorten

if TYPE_CHECKING:
    from rich.console import Console

LIMIT = 12  # rows of a section on a terminal
FOLDED_LIMIT = 50  # rows of a folded section in markdown
_TEXT = 60  # characters of a cell
_COLOURS = {"added": "green", "removed": "red"}


@dataclass(frozen=True, slots=True)
class Section:
    """A table of the report, or a line of text where there is nothing to tabulate."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def headline(found: Difference) -> str:
    """What differs, in one sentence."""
    if not found.is_different:
        return f"{found.old} and {found.new} are the same: no row and no summary differs."
    changed = [table.table for table in found.tables if table.is_different]
    files = Counter(blob.change for blob in found.blobs)
    parts = [
        f"masks: {len(found.masks)}",
        f"rows added or removed: {sum(rows.n_rows for rows in found.coverage_rows)}",
        f"values changed: {len(found.values)}",
        f"files: {', '.join(f'{n} {change}' for change, n in sorted(files.items())) or 'none'}",
    ]
    tables = f"{len(changed)} of {len(found.tables)} tables differ ({', '.join(changed)})"
    return f"{found.old} to {found.new}: {tables}; {'; '.join(parts)}."


def sections(found: Difference) -> list[Section]:
    """Masks, coverage, values, files, summaries and tables; those with a row."""
    made = [
        _masks(found),
        _coverage(found),
        _coverage_cells(found),
        _values(found),
        _blobs(found),
        *map(_summary, found.summaries),
        _tables(found),
        _columns(found),
    ]
    return [section for section in made if section.rows]


def show(found: Difference, console: Console) -> None:
    """Print the report: short, with colours on a terminal only."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    console.print(headline(found), markup=False, highlight=False, soft_wrap=True)
    for section in sections(found):
        console.print()
        console.print(Text(section.title, style="bold"))
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for name in section.columns:
            table.add_column(name, justify="right" if name in _NUMBERS else "left", overflow="fold")
        for row in section.rows[:LIMIT]:
            style = next((_COLOURS[cell] for cell in row if cell in _COLOURS), "")
            table.add_row(*(Text(cell, style=style) for cell in row))  # cells are data, no markup
        console.print(table)
        rest = len(section.rows) - LIMIT
        if rest > 0:
            console.print(f"and {rest} more; `--json` has all")


def markdown(found: Difference) -> Iterator[str]:
    """The report for a pull request, piece by piece: masks open, all else folded."""
    yield f"### {found.old} → {found.new}\n\n{escape(headline(found))}\n"
    for section in sections(found):
        is_open = section.title.startswith(_MASKS)
        limit = LIMIT if is_open else FOLDED_LIMIT
        title = f"{section.title} ({len(section.rows)})"
        yield f"\n**{title}**\n\n" if is_open else _folded(title)
        yield from format_table(section.columns, (map(escape, row) for row in section.rows[:limit]))
        rest = len(section.rows) - limit
        if rest > 0:
            yield f"\nand {rest} more: `ispy1 diff --json` has all.\n"
        yield "" if is_open else "\n</details>\n"


def _folded(title: str) -> str:
    return f"\n<details><summary>{title}</summary>\n\n"


# --- The sections ------------------------------------------------------------------------------

_MASKS = "Masks"
_NUMBERS = frozenset(
    {"before cm3", "after cm3", "difference cm3", "%", "Dice", "unusual", "difference"}
    | {"rows before", "rows after", "added", "removed", "changed", "n"}
)


def _masks(found: Difference) -> Section:
    rows = [
        (
            mask.case_id,
            mask.mask,
            mask.change,
            _number(mask.old_cm3, ".3f"),
            _number(mask.new_cm3, ".3f"),
            _number(mask.difference_cm3, "+.3f"),
            _number(mask.difference_percent, "+.1f"),
            _number(mask.dice, ".4f") or (mask.dice_note or "" if mask.change == "changed" else ""),
            _number(mask.unusual, ".2f"),
            mask.path,
        )
        for mask in found.masks
    ]
    names = ("case", "mask", "change", "before cm3", "after cm3", "difference cm3", "%", "Dice")
    return Section(_MASKS, (*names, "unusual", "file"), tuple(rows))


def _coverage(found: Difference) -> Section:
    """One line a case: in which tables it has rows more or less."""
    one_sided = {t.table for t in found.tables if t.n_old is None or t.n_new is None}
    kept = [rows for rows in found.coverage_rows if rows.table not in one_sided]

    def subject(rows: RowsChange) -> tuple[str, str]:
        return rows.case_id or "", rows.change

    lines = []
    for (case_id, change), group in groupby(sorted(kept, key=subject), subject):
        several = sorted(group, key=lambda rows: rows.table)
        tables = ", ".join(f"{rows.table} {rows.n_rows}" for rows in several)
        lines.append((case_id or "(no case)", change, tables, max(r.unusual for r in several)))
    lines.sort(key=lambda line: -line[3])
    shown = tuple((*line[:3], _number(line[3], ".2f")) for line in lines)
    return Section("Coverage: rows added or removed", ("case", "change", "rows", "unusual"), shown)


def _coverage_cells(found: Difference) -> Section:
    rows = tuple(_cell(change, "") for change in found.coverage_cells)
    return Section("Coverage: known or not", ("table", "key", *_CELL), rows)


def _values(found: Difference) -> Section:
    """One line a row of a table: its most unusual change, and how many others it has."""
    by_row: dict[tuple[str, str], list[CellChange]] = {}
    for change in found.values:
        by_row.setdefault((change.table, _key(change.key)), []).append(change)
    rows = tuple(
        _cell(cells[0], f"{len(cells) - 1} more" if len(cells) > 1 else "")
        for cells in by_row.values()
    )
    title = "Values: the most unusual change of each row"
    return Section(title, ("table", "key", *_CELL), rows)


_CELL = ("column", "before", "after", "difference", "unusual", "others")


def _cell(change: CellChange, others: str) -> tuple[str, ...]:
    return (
        change.table,
        _key(change.key),
        change.column,
        _short(change.old),
        _short(change.new),
        _number(change.difference, "+.4g"),
        _number(change.unusual, ".2f"),
        others,
    )


def _blobs(found: Difference) -> Section:
    """The files, but for those of cases that came or went: the section on coverage counts them."""
    rows = tuple(
        (blob.change, blob.path, (blob.old_md5 or "")[:8], (blob.new_md5 or "")[:8])
        for blob in found.blobs
        if blob.case_id is None or blob.change not in _COLOURS
    )
    return Section("Files", ("change", "file", "MD5 before", "MD5 after"), rows)


def _summary(summary: Summary) -> Section:
    """The cells of a summarising view that differ."""
    before = {row[summary.key]: row for row in summary.old or ()}
    after = {row[summary.key]: row for row in summary.new or ()}
    rows = [
        (str(key), column, _short(old.get(column)), _short(new.get(column)))
        for key in {**before, **after}
        for old, new in [(before.get(key, {}), after.get(key, {}))]
        for column in {**old, **new}
        if old.get(column) != new.get(column)
    ]
    is_one_sided = summary.old is None or summary.new is None
    title = f"Summary {summary.name}" + (" (one version lacks it)" if is_one_sided else "")
    return Section(title, (summary.key, "column", "before", "after"), tuple(rows))


def _tables(found: Difference) -> Section:
    rows = tuple(
        (
            table.table,
            "none" if table.n_old is None else str(table.n_old),
            "none" if table.n_new is None else str(table.n_new),
            *(str(n or "") for n in (table.n_added, table.n_removed, table.n_changed)),
            f"not compared: {table.problem}" if table.problem else "",
        )
        for table in found.tables
        if table.is_different
    )
    names = ("table", "rows before", "rows after", "added", "removed", "changed", "note")
    return Section("Tables", names, rows)


def _columns(found: Difference) -> Section:
    rows = tuple(
        (table.table, *(column[name] or "" for name in ("column", *_COLUMN)))
        for table in found.tables
        for column in table.columns
    )
    names = ("table", "column", "change", "type before", "type after")
    return Section("Columns", names, rows)


_COLUMN = ("change", "old_type", "new_type")


def _key(key: Mapping[str, Any]) -> str:
    return " ".join(str(value) for value in key.values())


def _number(value: float | None, form: str) -> str:
    return "" if value is None else f"{value:{form}}"


def _short(value: object) -> str:
    """Return a value in one short line."""
    text = format_line(value) if isinstance(value, float) else format_value(value)
    return shorten(text, _TEXT)
