"""Markdown from values. What a release holds is data: it never becomes markup."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence

from etl.text.values import format_line, strip_controls

NONE = "none"
_MARKUP = re.compile(r"[\\`*\[\]<>|]|(?<!\w)_|_(?!\w)")  # an underscore inside a word is harmless
_CODE = re.compile(r"(`[^`\\]+`)")  # a backslash in code would not render as it is


def join_lines(text: str) -> str:
    """Return any text as one line without control characters."""
    return " ".join(strip_controls(text).split())


def escape(text: str) -> str:
    """Return the text as one line that renders as it is."""
    return _MARKUP.sub(r"\\\g<0>", join_lines(text))


def escape_prose(text: str) -> str:
    """Return a sentence of ours as one line: what stands between backticks stays code."""
    parts = _CODE.split(join_lines(text))
    return "".join(
        part.replace("|", "\\|") if n % 2 else _MARKUP.sub(r"\\\g<0>", part)
        for n, part in enumerate(parts)
    )


def format_cell(value: object) -> str:
    """Return a value for a table: thousands apart, yes or no, `none` for null and NaN."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else escape(format_line(value, NONE))


def format_code(text: str) -> str:
    """Return a name in code style."""
    return f"`{join_lines(text).replace('`', '')}`"


def format_table(columns: Sequence[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """Yield the lines of a table of finished cells, each with its end."""
    yield f"| {' | '.join(map(escape, columns))} |\n"
    yield f"|{' --- |' * len(columns)}\n"
    yield from (f"| {' | '.join(row)} |\n" for row in rows)
