"""Markdown from values. What a release holds is data: it never becomes markup."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

NONE = "none"
_MARKUP = re.compile(r"([\\`*\[\]<>|])")
_CODE = re.compile(r"(`[^`\\]+`)")  # a backslash in code would not render as it is
_WHITE = re.compile(r"[\s\x00-\x1f\x7f]+")
_KILO = 1000


def text(value: object) -> str:
    """A value as one line that renders as it is; null and NaN are `none`."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, int):
        return f"{value:,}"
    return _MARKUP.sub(r"\\\1", plain(str(value)))


def prose(value: str) -> str:
    """A sentence of ours as one line: what stands between backticks stays code."""
    parts = _CODE.split(plain(value))
    return "".join(
        part.replace("|", "\\|") if n % 2 else _MARKUP.sub(r"\\\1", part)
        for n, part in enumerate(parts)
    )


def plain(value: str) -> str:
    """Any text as one line without control characters."""
    return _WHITE.sub(" ", value).strip()


def code(value: str) -> str:
    """A name in code style."""
    return f"`{plain(value).replace('`', '')}`"


def fixed(value: float | None, digits: int, unit: str = "") -> str:
    """A number with so many digits after the point, with its unit; `none` for null."""
    if value is None or not math.isfinite(value):
        return NONE
    return f"{value:,.{digits}f}{unit}"


def size(n_bytes: int) -> str:
    """A number of bytes in the largest decimal unit that leaves at least one."""
    amount, units = float(n_bytes), ["B", "kB", "MB", "GB", "TB"]
    while amount >= _KILO and len(units) > 1:
        amount, units = amount / _KILO, units[1:]
    return f"{amount:.0f} B" if units[0] == "B" else f"{amount:.1f} {units[0]}"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table of finished cells; the one line `none` where it has no rows."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    if not lines:
        return [NONE]
    return [f"| {' | '.join(columns)} |", f"|{' --- |' * len(columns)}", *lines]
