"""Fill a template, such as card.template.md: each of its blocks is the answer of a report or view.

A block is a paragraph below `<!-- NAME -->`: lines without a field once, lines with fields for each
row. `, at most N` counts the rows that are left out; `, or nothing` leaves a block without a row
out, where others say `none`. After a field's colon: code, prose, bytes, a format of Python, or the
words for true, false and null with `/` between them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from etl.text.markdown import NONE, escape_prose, format_cell, format_code
from etl.text.values import format_bytes
from etl.warehouse.connect import fetch_rows, quoted
from etl.warehouse.reports import list_reports

Row = Mapping[str, Any]
Answers = Mapping[str, Sequence[Row]]

TEMPLATE = Path(__file__).with_name("card.template.md")
_BLOCK = re.compile(r"<!-- ([\w.]+)(?:, at most (\d+))?(, or nothing)? -->\n(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Cell:
    """A value that a field of the template formats."""

    value: Any

    def __format__(self, form: str) -> str:
        """Return the value as markdown in the form that the field names."""
        if "/" in form:
            return dict(zip((True, False, None), form.split("/"), strict=True))[self.value]
        if self.value is None or (isinstance(self.value, float) and not math.isfinite(self.value)):
            return NONE
        special = {"": format_cell, "code": format_code, "prose": escape_prose}
        if form in special:
            return special[form](self.value)
        if form == "bytes":
            return format_bytes(self.value)
        return format(self.value, form).replace("%", " %")


def fill_template(
    connection: duckdb.DuckDBPyConnection, root: Path, answers: Answers, template: Path = TEMPLATE
) -> str:
    """Return the text of a template, by default of the card.

    Args:
        connection: the warehouse.
        root: the project, whose sql/reports have the names of most blocks.
        answers: the rows of blocks that no query answers.
        template: the file.
    """
    queries = list_reports(root)

    def answer(name: str) -> Sequence[Row]:
        if name in answers:
            return answers[name]
        return ask(connection, queries.get(name, write_query(name)))

    paragraphs = template.read_text(encoding="utf-8").strip().split("\n\n")
    filled = [fill_block(match, answer(match[1])) if (match := _BLOCK.fullmatch(paragraph))
              else paragraph for paragraph in paragraphs]  # fmt: skip
    return "\n\n".join(filter(None, filled)) + "\n"


def write_query(name: str) -> str:
    """Return the query for all rows of a table or view, such as inputs.params."""
    return f"from {'.'.join(map(quoted, name.split('.')))}"


def ask(
    connection: duckdb.DuckDBPyConnection, sql: str, parameters: Sequence[object] = ()
) -> list[dict[str, Any]]:
    """Return the rows of a query; none where a table or view is not there (a release in parts)."""
    try:
        return fetch_rows(connection.execute(sql, parameters))
    except duckdb.CatalogException:
        return []


def fill_block(block: re.Match[str], rows: Sequence[Row]) -> str:
    """Return the text of a block of the template, empty for nothing."""
    name, limit, or_nothing, text = block.groups()
    if not rows:
        return "" if or_nothing else NONE
    lines = text.split("\n")
    shown = rows[: int(limit or len(rows))]
    parts = [line for line in lines if "{" not in line]
    parts += _fill_lines([line for line in lines if "{" in line], shown)
    if len(shown) < len(rows):
        parts += ["", f"and {len(rows) - len(shown):,} more: `ispy1 report {name}`"]
    return "\n".join(parts)


def _fill_lines(lines: Sequence[str], rows: Sequence[Row]) -> Iterator[str]:
    for row in rows:
        cells = {name: Cell(value) for name, value in row.items()}
        yield from (line.format(**cells) for line in lines)
