"""A table for people: which columns a screen has room for, and how values stand in them."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Literal

from rich.cells import cell_len

from etl.text.values import format_line, format_list, is_list, shorten_cell, strip_controls

FEW_ROWS = 5  # a table too wide with so few rows is turned: a line per column
WRAPPED_ROWS = 30  # in a longer table texts do not wrap: they end in an ellipsis
_GAP = "  "
_LEAST_TEXT = 24  # a column of texts that wrap gets no narrower
_LEAST_WORD = 40  # nor, up to this, than its longest word
_LEAST_CELL = 12  # of texts that are cut, and of a turned row
_SHORT_TEXT = 16
_MOST_KEYS = 5
_HEADER_PART = re.compile(r"[^_ ]*[_ ]|[^_ ]+")
_NUMBERS = (int, float, Decimal)
# As `summarize` and `diff` have them.
_NUMBER_TEXT = re.compile(r"([+-]?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?|inf)?")
_LONG_FRACTION = re.compile(r"-?[0-9]+\.[0-9]{7,}")
_NUMBER_LIST = re.compile(r"\[[-+0-9., ]+\]")
_KEY_NAME = re.compile(r"(case|subject|patient)(s|_ids?)?", re.IGNORECASE)
_HASH = re.compile(r"[0-9a-f]{16,}")
# What becomes of texts that are too long: in a short table they wrap; all are whole; each row gets
# one line, and no column is left out for it.
Texts = Literal["fit", "whole", "cut", "line"]
_CUT = ("cut", "line")


@dataclass(frozen=True, slots=True)
class Layout:
    """The lines of a table, and what a screen had no room for."""

    head: list[str]
    rows: list[list[str]]  # lines of each row; of a turned table, of each column
    hidden: tuple[str, ...] = ()  # names of columns

    def lines(self) -> Iterator[str]:
        """Yield all lines."""
        yield from self.head
        for row in self.rows:
            yield from row


@dataclass(frozen=True, slots=True)
class _Column:
    """A column, its widths in characters: the least, the whole values, with the whole header."""

    name: str
    texts: list[str]
    values: list[Any] = field(repr=False)
    is_number: bool
    least: int
    data: int
    natural: int


def lay_out(
    names: Sequence[str],
    rows: Sequence[Sequence[Any]],
    width: int | None,
    texts: Texts = "fit",
    *,
    turn: bool = True,
) -> Layout:
    """Return a table that is at most `width` characters wide; None: as wide as it is.

    Numbers and words are never broken. What gives way, in this order: headers break at `_`; texts
    wrap (in a table of many rows: end in an ellipsis); then a few rows are turned into a line per
    column, and of many rows the columns that matter least are left out.

    Args:
        names: of the columns.
        rows: their values.
        width: of the terminal; None for a pipe.
        texts: `whole` leaves nothing out; `line` cuts texts and leaves no column out.
        turn: whether few rows may be turned.
    """
    if width is None:
        return _stand(_measure_columns(names, rows, "whole"), None, "whole")
    if texts == "fit" and len(rows) > WRAPPED_ROWS:
        texts = "cut"
    columns = _measure_columns(names, rows, texts)
    if texts in ("whole", "line"):
        return _stand(columns, width, texts)
    shown = _choose(columns, width)
    hidden = tuple(c.name for i, c in enumerate(columns) if i not in shown)
    turned = (
        _turn(columns, len(rows), width) if hidden and turn and 0 < len(rows) <= FEW_ROWS else None
    )
    return turned or _stand([columns[i] for i in shown], width, texts, hidden)


def page(names: Sequence[str], rows: Sequence[Sequence[Any]], width: int) -> Iterator[Layout]:
    """Yield every column in tables that fit, each with the columns that tell the rows apart."""
    columns = _measure_columns(names, rows, "cut")
    keys = _find_keys(columns)
    while len(keys) > 1 and _sum_widths([columns[i].least for i in keys]) > width // 2:
        keys = keys[:-1]
    shown = keys
    rest = [i for i in range(len(columns)) if i not in keys]
    while rest or shown is keys:
        shown = _take(columns, keys, rest, width, in_order=True)
        rest = [i for i in rest if i not in shown]
        yield _stand([columns[i] for i in shown], width, "cut")


def _stand(
    shown: Sequence[_Column], room: int | None, texts: Texts, hidden: tuple[str, ...] = ()
) -> Layout:
    """Return the columns beside each other."""
    widths = _choose_widths(shown, room, texts)
    sides = [(w, c.is_number) for c, w in zip(shown, widths, strict=True)]
    names = [_break_header(c.name, w) for c, w in zip(shown, widths, strict=True)]
    head = [*_join_cells(names, sides, bottom=True), _GAP.join("─" * w for w in widths)]
    rows = []
    for i in range(len(shown[0].texts) if shown else 0):
        cells = [_fit(c, i, w, texts) for c, w in zip(shown, widths, strict=True)]
        rows.append(list(_join_cells(cells, sides)))
    return Layout(head, rows, hidden)


def _turn(columns: Sequence[_Column], n_rows: int, width: int) -> Layout | None:
    """Return a line per column, or None where the rows do not fit beside each other."""
    indent = max(len(c.name) for c in columns)
    room = (width - indent) // n_rows - len(_GAP)
    if room < _LEAST_CELL:
        return None
    sides = [(indent, False), *((room, n_rows > 1) for _ in range(n_rows))]
    texts: Texts = "fit" if n_rows == 1 else "cut"
    cells = [[[c.name], *(_fit(c, i, room, texts) for i in range(n_rows))] for c in columns]
    return Layout([], [list(_join_cells(row, sides)) for row in cells])


# --- Columns: how wide, and which ------------------------------------------------------------


def _measure_columns(
    names: Sequence[str], rows: Sequence[Sequence[Any]], texts: Texts
) -> list[_Column]:
    columns = [
        _measure_column(strip_controls(name), [row[i] for row in rows], texts)
        for i, name in enumerate(names)
    ]
    for i in _find_keys(columns):  # what tells the rows apart is not cut
        most = columns[i].data if texts == "line" else _LEAST_WORD
        least = max(columns[i].least, min(columns[i].data, most))
        columns[i] = replace(columns[i], least=least)
    return columns


def _measure_column(name: str, values: list[Any], texts: Texts) -> _Column:
    kinds = _NUMBERS if texts == "whole" else (*_NUMBERS, str)
    cells = [format_line(v) if texts == "whole" else _format_cell(v) for v in values]
    numbers = bool(values) and all(_is_number(value, kinds) for value in values)
    lengths = sorted(map(cell_len, cells))
    data = lengths[-1] if lengths else 0
    if numbers:
        least = data
    elif texts in _CUT:  # a few long texts among short ones are cut more
        least = min(data, max(_LEAST_CELL, min(_find_typical(lengths), _LEAST_TEXT)))
    else:
        shortest = _LEAST_CELL if texts == "whole" else _LEAST_TEXT
        least = max((_find_least_width(value, shortest) for value in values), default=0)
    least = max([least, *map(len, _HEADER_PART.findall(name))])
    data = max(data, least)
    return _Column(name, cells, values, numbers, least, data, max(data, len(name)))


def _format_cell(value: Any) -> str:  # noqa: ANN401  a cell is of any type
    """Return a value in a line; a number that `summarize` gives as text as one."""
    if isinstance(value, str) and _LONG_FRACTION.fullmatch(value):
        return format_line(float(value))
    if isinstance(value, str) and _NUMBER_LIST.fullmatch(value):
        return _LONG_FRACTION.sub(lambda match: format_line(float(match[0])), value)
    return format_line(value)


def _is_number(value: Any, kinds: tuple[type, ...]) -> bool:  # noqa: ANN401
    is_kind = value is None or isinstance(value, kinds)
    return is_kind and (not isinstance(value, str) or _NUMBER_TEXT.fullmatch(value) is not None)


def _find_typical(lengths: Sequence[int]) -> int:
    """Return the length that three of four texts do not pass."""
    return lengths[len(lengths) * 3 // 4] if lengths else 0


def _find_least_width(value: Any, shortest: int) -> int:  # noqa: ANN401
    """Return how narrow the column of this value may become where texts wrap."""
    if is_list(value):
        return min(cell_len(format_list(value, 0)), _LEAST_WORD)
    text = _format_cell(value)
    longest = max(map(cell_len, text.split()), default=0)
    return min(cell_len(text), max(shortest, min(longest, _LEAST_WORD)))


def _choose(columns: Sequence[_Column], width: int) -> list[int]:
    """Return the columns that fit: all, or those that say most, in their order."""
    everything = list(range(len(columns)))
    if _sum_widths([c.least for c in columns]) <= width:
        return everything
    first, *others = _find_keys(columns)
    keys = [i for i in others if not _is_prose(columns[i])]
    rest = [i for i in everything if i not in (first, *keys)]
    rest.sort(key=lambda i: _rank(columns[i]))
    named = [i for i, c in enumerate(columns) if i != first and _names_case(c)]
    candidates = [i for i in (*keys, *rest) if i not in named]
    return sorted(_take(columns, [first, *named], candidates, width))


def _take(
    columns: Sequence[_Column],
    keys: Sequence[int],
    candidates: Sequence[int],
    width: int,
    *,
    in_order: bool = False,
) -> list[int]:
    """Return the keys and as many candidates as fit beside them, at least one."""
    chosen = list(keys)
    for i in candidates:
        fits = _sum_widths([columns[n].least for n in (*chosen, i)]) <= width
        if not fits and in_order and len(chosen) > len(keys):
            break
        if fits or (in_order and len(chosen) == len(keys)):
            chosen.append(i)
    return chosen


def _find_keys(columns: Sequence[_Column]) -> list[int]:
    """Return the first columns, as many as tell the rows apart: no hash, none of one value."""
    named = [i for i, c in enumerate(columns) if not _says_little(c)][:_MOST_KEYS] or [0]
    for n in range(1, len(named) + 1):
        rows = list(zip(*(columns[i].texts for i in named[:n]), strict=True))
        if len(set(rows)) == len(rows):
            return named[:n]
    return named[:1]


def _rank(column: _Column) -> int:
    """Return how early a column is shown: numbers and short texts, long texts, then the rest."""
    if _says_little(column):
        return 2
    lists = any(map(is_list, column.values))
    return 0 if column.is_number or (_is_short(column) and not lists) else 1


def _names_case(column: _Column) -> bool:
    """Return whether a column says which case a row is of: such a column is never left out."""
    return bool(_KEY_NAME.fullmatch(column.name)) and not _says_little(column)


def _is_short(column: _Column) -> bool:
    return _find_typical(sorted(map(cell_len, column.texts))) <= _SHORT_TEXT


def _is_prose(column: _Column) -> bool:
    """Return whether a column holds sentences, which come after numbers, not names."""
    n_sentences = sum(" " in text for text in column.texts)
    return n_sentences * 2 > len(column.texts) and not _is_short(column)


def _says_little(column: _Column) -> bool:
    """Return whether a column holds hashes, or one value in all of its rows."""
    texts = set(column.texts)
    return len(texts) < min(len(column.texts), 2) or all(map(_HASH.fullmatch, texts))


def _choose_widths(columns: Sequence[_Column], room: int | None, texts: Texts) -> list[int]:
    """Return the widths of columns that fit into `room`."""
    if room is None or _sum_widths([c.natural for c in columns]) <= room:
        return [c.natural for c in columns]
    least = [c.least for c in columns]
    if texts != "whole":
        least = _narrow(columns, least, room)
    data = _widen(least, [c.data for c in columns], room)
    return _widen(data, [c.natural for c in columns], room)


def _narrow(columns: Sequence[_Column], widths: Sequence[int], room: int) -> list[int]:
    """Narrow columns of texts, those that tell the rows apart last, until they fit."""
    narrowed, keys = list(widths), _find_keys(columns)
    while _sum_widths(narrowed) > room:
        texts = [i for i, c in enumerate(columns) if not c.is_number and narrowed[i] > _LEAST_CELL]
        if not texts:
            break
        narrowed[max(texts, key=lambda i: (i not in keys, narrowed[i]))] -= 1
    return narrowed


def _sum_widths(widths: Sequence[int]) -> int:
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def _widen(widths: Sequence[int], targets: Sequence[int], room: int) -> list[int]:
    """Widen columns, the narrowest first, toward what each wants until the room is used up."""
    grown = list(widths)
    for _ in range(room - _sum_widths(grown)):
        short = [i for i, width in enumerate(grown) if width < targets[i]]
        if not short:
            break
        grown[min(short, key=grown.__getitem__)] += 1
    return grown


# --- Cells -----------------------------------------------------------------------------------


def _join_cells(
    cells: Sequence[list[str]], sides: Sequence[tuple[int, bool]], *, bottom: bool = False
) -> Iterator[str]:
    """Yield cells of several lines beside each other.

    Args:
        cells: their lines.
        sides: their widths, and whether to the right.
        bottom: let shorter ones stand below, as headers do.
    """
    height = max(map(len, cells), default=0)
    padded = [
        [""] * (height - len(lines)) + lines if bottom else lines + [""] * (height - len(lines))
        for lines in cells
    ]
    for texts in zip(*padded, strict=True):
        parts = [
            _pad(text, width, right=right)
            for text, (width, right) in zip(texts, sides, strict=True)
        ]
        yield _GAP.join(parts).rstrip()


def _pad(text: str, width: int, *, right: bool) -> str:
    blanks = " " * (width - cell_len(text))
    return blanks + text if right else text + blanks


def _break_header(name: str, width: int) -> list[str]:
    """Return a name in lines that break behind `_`."""
    lines = [""]
    for part in _HEADER_PART.findall(name):
        if lines[-1] and len(lines[-1]) + len(part) > width:
            lines.append("")
        lines[-1] += part
    return lines


def _fit(column: _Column, row: int, width: int, texts: Texts) -> list[str]:
    """Return a value in lines of at most `width`: a single one with an ellipsis, or all."""
    value = column.values[row]
    text = format_list(value, width) if is_list(value) else column.texts[row]
    if cell_len(text) <= width:
        return [text]
    if texts in _CUT:
        return [shorten_cell(text, width)]
    lines = textwrap.wrap(text, width, break_on_hyphens=False, break_long_words=False)
    return lines if texts == "whole" else [shorten_cell(line, width) for line in lines]
