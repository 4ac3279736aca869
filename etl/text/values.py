"""Values as text: the only place that says how a number, a null or a length in bytes looks."""

from __future__ import annotations

import json
import math
import re
import textwrap
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from rich.cells import cell_len, set_cell_size

ELLIPSIS = "…"
LIST_ROOM = 40  # characters of a list before the rest is counted
_KILO = 1000
_COMMAND = re.compile(r"`[^`]+`")
_LABEL = re.compile(r" *(?:[\w-]+ )?[\w-]+ {2,}| +")
_TIE = "\xa0"  # a blank at which no line breaks
_LOOSE = "\0"  # before a blank that is only there to break at
_DIGITS_READ = 4  # that a figure has at least
_DIGITS_KEPT, _POWERS = 1e6, 1e15  # floats between them keep all digits before the point


def convert_for_json(value: Any) -> Any:  # noqa: ANN401  a cell is of any type
    """Return a value in JSON's types; NaN and the infinities, which JSON lacks, are null."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, (float, Decimal)):
        return _convert_number(value)
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if isinstance(value, dict):
        return {str(key): convert_for_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [convert_for_json(item) for item in value]
    return str(value)


def _convert_number(value: float | Decimal) -> int | float | None:
    if not math.isfinite(value):
        return None
    if isinstance(value, Decimal) and value == value.to_integral_value():
        return int(value)
    return float(value)


def format_value(value: Any, null: str = "null") -> str:  # noqa: ANN401
    """Return the shortest text that reads back; lists and structs are JSON."""
    value = convert_for_json(value)
    if value is None:
        return null
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def format_line(value: Any, null: str = "-") -> str:  # noqa: ANN401
    """Return a value as people read it, on one line: six digits, a long list with its length."""
    if is_list(value):
        return format_list(value, LIST_ROOM)
    if isinstance(value, float) and math.isfinite(value):
        return f"{value:.1f}" if _DIGITS_KEPT <= abs(value) < _POWERS else f"{value:.6g}"
    return strip_controls(format_value(None if value in ([], ()) else value, null))


def format_figure(value: Any, null: str = "-") -> str:  # noqa: ANN401
    """Return a value to be read and not to be counted with: four digits or more, 12,345, yes."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float) and math.isfinite(value):
        is_large = abs(value) >= 10 ** (_DIGITS_READ - 1)
        return f"{value:,.0f}" if is_large else f"{value:.{_DIGITS_READ}g}"
    return format_line(value, null)


def is_list(value: Any) -> bool:  # noqa: ANN401
    """Return whether a value is a list that is not empty."""
    return isinstance(value, (list, tuple)) and len(value) > 0


def format_list(values: Sequence[Any], room: int) -> str:
    """Return a list as its values: all where they fit, else the first ones `and 158 more`."""
    texts = [format_line(value) for value in values]
    if cell_len(", ".join(texts)) <= room or len(texts) == 1:
        return ", ".join(texts)
    shortened = (
        f"{', '.join(texts[:n])} and {len(texts) - n:,} more" for n in range(1, len(texts))
    )
    longest = next(shortened)
    for text in shortened:
        if cell_len(text) > room:
            break
        longest = text
    return longest


def format_bytes(n_bytes: int) -> str:
    """Return a length in the largest decimal unit that leaves at least one: 6.1 GB, 999 B."""
    amount, units = float(n_bytes), ["B", "kB", "MB", "GB", "TB"]
    while amount >= _KILO and len(units) > 1:
        amount, units = amount / _KILO, units[1:]
    return f"{amount:.0f} B" if units[0] == "B" else f"{amount:.1f} {units[0]}"


def strip_controls(text: str) -> str:
    """Return the text with blanks for escape characters, which a terminal would obey."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def shorten(text: str, limit: int) -> str:
    """Return the text on one line of at most `limit` characters."""
    text = " ".join(text.split())
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def shorten_cell(text: str, width: int) -> str:
    """Return the text in at most `width` characters: its first words, of a path the last names."""
    if cell_len(text) <= width:
        return text
    if "/" in text and " " not in text:
        names = text.split("/")
        tails = ("/".join([ELLIPSIS, *names[n:]]) for n in range(1, len(names)))
        tail = next((tail for tail in tails if cell_len(tail) <= width), None)
        return tail or shorten_cell(names[-1], width)
    head = set_cell_size(text, width - 1)
    if text[len(head)] != " ":  # in a word: it goes, unless it is the only one
        head = head.rsplit(" ", 1)[0]
    return head.rstrip(" ,;:") + ELLIPSIS


def wrap_labelled(line: str, width: int | None) -> str:
    """Return a line in lines of at most `width`, each below the text that follows the label."""
    label = _LABEL.match(line)
    return wrap_line(line, width, label.end() if label else 0)


def shorten_words(text: str, width: int) -> str:
    """Return the text with every word in at most `width` characters: it wraps without a break."""
    return " ".join(shorten_cell(word, width) for word in text.split(" "))


def wrap_line(line: str, width: int | None, indent: int = 0) -> str:
    """Return a line in lines of at most `width`, the second one indented.

    No word is broken, and no command between backticks that has room in a line; a path that has
    none is broken behind a folder.
    """
    if width is None or cell_len(line) <= width:
        return line
    wrapper = textwrap.TextWrapper(width, subsequent_indent=" " * indent)
    wrapper.break_long_words = wrapper.break_on_hyphens = False
    room = width - indent
    tied = _COMMAND.sub(lambda m: m[0].replace(" ", _TIE) if len(m[0]) <= room else m[0], line)
    loose = re.sub(rf"\S{{{room + 1},}}", lambda m: m[0].replace("/", f"/{_LOOSE} "), tied)
    text = "\n".join(wrapper.wrap(loose))
    return text.replace(f"{_LOOSE} ", "").replace(_LOOSE, "").replace(_TIE, " ")
