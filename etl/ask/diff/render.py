"""A difference for people: its sections, and as markdown for a pull request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from etl.ask.diff.records import Difference, Row
from etl.text.markdown import escape, format_table
from etl.text.values import format_line, format_value, shorten

LIMIT = 12  # rows of a section on a terminal
FOLDED_LIMIT = 50  # rows of a folded section in markdown
_TEXT = 60  # characters of a cell
COLOURS = {"added": "green", "removed": "red"}


@dataclass(frozen=True, slots=True)
class Section:
    """A table of the report, or a line of text where there is nothing to tabulate."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def write_headline(difference: Difference, *, named: bool = True) -> str:
    """Say what differs in one sentence; `named`: with the names of the tables."""
    if not difference.is_different:
        return f"{difference.old} and {difference.new} are the same: no row and no summary differs."
    changed = [table["table"] for table in difference.changed_tables]
    files = Counter(blob["change"] for blob in difference.blobs)
    parts = [
        f"masks: {len(difference.masks)}",
        f"rows added or removed: {sum(rows['n_rows'] for rows in difference.coverage_rows)}",
        f"values changed: {len(difference.values)}",
        f"files: {', '.join(f'{n} {change}' for change, n in sorted(files.items())) or 'none'}",
    ]
    names = f" ({', '.join(changed)})" if named else ""
    tables = f"{len(changed)} of {len(difference.tables)} tables differ{names}"
    return f"{difference.old} to {difference.new}: {tables}; {'; '.join(parts)}."


def list_sections(difference: Difference) -> list[Section]:
    """Return masks, coverage, values, files, summaries and tables; those with a row."""
    sections = [
        _show_masks(difference),
        _show_coverage(difference),
        Section(UNKNOWN, CELL, tuple(_format_cell(c, "") for c in difference.coverage_cells)),
        Section(_VALUES, CELL, _join(difference.values)),
        _show_blobs(difference),
        *map(_show_summary, difference.summaries),
        _show_tables(difference),
        _show_columns(difference),
    ]
    return [section for section in sections if section.rows]


def write_markdown(difference: Difference) -> Iterator[str]:
    """Yield the report for a pull request, piece by piece: masks open, all else folded."""
    yield f"### {difference.old} → {difference.new}\n\n{escape(write_headline(difference))}\n"
    for section in list_sections(difference):
        is_open = section.title.startswith(_MASKS)
        limit = LIMIT if is_open else FOLDED_LIMIT
        title = f"{section.title} ({len(section.rows)})"
        fold = f"\n<details><summary>{title}</summary>\n\n"
        yield f"\n**{title}**\n\n" if is_open else fold
        yield from format_table(section.columns, (map(escape, row) for row in section.rows[:limit]))
        rest = len(section.rows) - limit
        if rest > 0:
            yield f"\nand {rest} more: `ispy1 diff --json` has all.\n"
        yield "" if is_open else "\n</details>\n"


# --- The sections ------------------------------------------------------------------------------

_MASKS = "Masks"
UNKNOWN = "Coverage: known or not"
_VALUES = "Values: the most unusual change of each row"
_FEW = 3  # rows that stand for a column
CELL = ("table", "key", "column", "before", "after", "difference", "unusual", "others")


def _show_masks(difference: Difference) -> Section:
    rows = [
        (
            mask["case_id"],
            mask["mask"],
            mask["change"],
            _format_number(mask["old_cm3"], ".3f"),
            _format_number(mask["new_cm3"], ".3f"),
            _format_number(mask["difference_cm3"], "+.3f"),
            _format_number(mask["difference_percent"], "+.1f"),
            _format_dice(mask),
            _format_number(mask["unusual"], ".2f"),
            mask["path"],
        )
        for mask in difference.masks
    ]
    names = ("case", "mask", "change", "before cm3", "after cm3", "difference cm3", "%", "Dice")
    return Section(_MASKS, (*names, "unusual", "file"), tuple(rows))


def _format_dice(mask: Row) -> str:
    note = mask["dice_note"] if mask["change"] == "changed" else None
    return _format_number(mask["dice"], ".4f") or note or ""


def _show_coverage(difference: Difference) -> Section:
    """Tabulate per case in which tables it has rows more or less."""
    one_sided = {t["table"] for t in difference.tables if None in (t["n_old"], t["n_new"])}
    changes = [rows for rows in difference.coverage_rows if rows["table"] not in one_sided]

    def name_subject(rows: Row) -> tuple[str, str]:
        return rows["case_id"] or "", rows["change"]

    lines = []
    for (case_id, change), group in groupby(sorted(changes, key=name_subject), name_subject):
        by_table = sorted(group, key=lambda rows: rows["table"])
        tables = ", ".join(f"{rows['table']} {rows['n_rows']}" for rows in by_table)
        lines.append((case_id or "(no case)", change, tables, max(r["unusual"] for r in by_table)))
    lines.sort(key=lambda line: -line[3])
    rows = tuple((*line[:3], _format_number(line[3], ".2f")) for line in lines)
    return Section("Coverage: rows added or removed", ("case", "change", "rows", "unusual"), rows)


def show_unknown_rows(difference: Difference) -> Section:
    """Tabulate what is known or not anew by row of a table, not by cell."""
    return Section(UNKNOWN, CELL, _join(difference.coverage_cells))


def show_unknown_columns(difference: Difference) -> Section:
    """Tabulate what is known or not anew by column, with a few of its rows."""
    by_column: dict[tuple[str, str, str], list[str]] = {}
    for cell in difference.coverage_cells:
        change = "known now" if cell["old"] is None else "not known any more"
        keys = by_column.setdefault((cell["table"], cell["column"], change), [])
        keys.append(_join_key(cell["key"]))
    rows = tuple(
        (*column, f"{len(keys):,}", _name_few(keys)) for column, keys in sorted(by_column.items())
    )
    return Section(UNKNOWN, ("table", "column", "change", "cells", "such as"), rows)


def _name_few(keys: Sequence[str]) -> str:
    rest = len(keys) - _FEW
    return ", ".join(sorted(keys)[:_FEW]) + (f" and {rest:,} more" if rest > 0 else "")


def _join(changes: Sequence[Row]) -> tuple[tuple[str, ...], ...]:
    """Return per row of a table its most unusual change, and how many others it has."""
    by_row: dict[tuple[str, str], list[Row]] = {}
    for cell in changes:
        by_row.setdefault((cell["table"], _join_key(cell["key"])), []).append(cell)
    return tuple(
        _format_cell(cells[0], f"{len(cells) - 1} more" if len(cells) > 1 else "")
        for cells in by_row.values()
    )


def _format_cell(cell: Row, note: str) -> tuple[str, ...]:
    return (
        cell["table"],
        _join_key(cell["key"]),
        cell["column"],
        _shorten(cell["old"]),
        _shorten(cell["new"]),
        _format_number(cell["difference"], "+.4g"),
        _format_number(cell["unusual"], ".2f"),
        note,
    )


def _show_blobs(difference: Difference) -> Section:
    """Tabulate the files but those of cases that came or went, which coverage counts."""
    rows = tuple(
        (blob["change"], blob["path"], (blob["old_md5"] or "")[:8], (blob["new_md5"] or "")[:8])
        for blob in difference.blobs
        if blob["case_id"] is None or blob["change"] not in COLOURS
    )
    return Section("Files", ("change", "file", "MD5 before", "MD5 after"), rows)


def _show_summary(summary: Row) -> Section:
    """Tabulate the cells of a summarising view that differ."""
    key, name = summary["key"], summary["name"]
    before = {row[key]: row for row in summary["old"] or ()}
    after = {row[key]: row for row in summary["new"] or ()}
    rows = [
        (str(subject), column, _shorten(old.get(column)), _shorten(new.get(column)))
        for subject in {**before, **after}
        for old, new in [(before.get(subject, {}), after.get(subject, {}))]
        for column in {**old, **new}
        if old.get(column) != new.get(column)
    ]
    lacks = " (one version lacks it)" if None in (summary["old"], summary["new"]) else ""
    return Section(f"Summary {name}{lacks}", (key, "column", "before", "after"), tuple(rows))


def _show_tables(difference: Difference) -> Section:
    rows = tuple(
        (
            table["table"],
            *("none" if table[n] is None else str(table[n]) for n in ("n_old", "n_new")),
            *(str(table[n] or "") for n in ("n_added", "n_removed", "n_changed")),
            f"not compared: {table['problem']}" if table["problem"] else "",
        )
        for table in difference.changed_tables
    )
    names = ("table", "rows before", "rows after", "added", "removed", "changed", "note")
    return Section("Tables", names, rows)


def _show_columns(difference: Difference) -> Section:
    rows = tuple(
        (table["table"], *(value or "" for value in column.values()))
        for table in difference.tables
        for column in table["columns"]
    )
    return Section("Columns", ("table", "column", "change", "type before", "type after"), rows)


def _join_key(key: Mapping[str, Any]) -> str:
    return " ".join(map(str, key.values()))


def _format_number(value: float | None, form: str) -> str:
    return "" if value is None else f"{value:{form}}"


def _shorten(value: object) -> str:
    """Return a value in one short line."""
    text = format_line(value) if isinstance(value, float) else format_value(value)
    return shorten(text, _TEXT)
