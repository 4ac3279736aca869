"""Places for a graph without circles: columns by longest path, few crossings, curves between.

An edge that skips columns goes through a slot of its own in each, so that it runs behind no node.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from itertools import pairwise

Item = tuple[str, str, int]  # a node (its name, "", 0), or the slot of an edge in a column
HEIGHT, SLOT, GAP = 44, 10, 14  # of a node, of an edge that passes, between two of a column
BETWEEN = 56  # columns
MARGIN = 6
LETTER, PADDING = 8, 26  # of the monospaced name of a node
_SWEEPS = 6


@dataclass(frozen=True, slots=True)
class Layout:
    """Where nodes (left top corner) are, and the path of each edge in the words of SVG."""

    nodes: Mapping[str, tuple[int, int]]
    edges: Sequence[tuple[str, str, str]]  # source, target, path
    node_width: int
    width: int
    height: int


def assign_columns(needs: Mapping[str, Sequence[str]], last: Sequence[str] = ()) -> dict[str, int]:
    """Return node -> column: one right of the rightmost node that it needs.

    Args:
        needs: node -> the nodes that it needs.
        last: nodes for a column of their own, right of all others.
    """
    columns: dict[str, int] = {}
    for name in TopologicalSorter({name: sorted(of) for name, of in needs.items()}).static_order():
        columns[name] = max((columns[need] + 1 for need in needs.get(name, ())), default=0)
    return columns | dict.fromkeys(last, max(columns.values(), default=-1) + 1)


def arrange(needs: Mapping[str, Sequence[str]], last: Sequence[str] = ()) -> Layout:
    """Return the places of nodes and edges; arguments as assign_columns()."""
    column_of = assign_columns(needs, last)
    chains = [
        _make_chain(source, target, column_of)
        for target, sources in needs.items()
        for source in sorted(sources)
    ]
    columns = _order_columns(column_of, chains)
    width = max((len(name) for name in column_of), default=0) * LETTER + PADDING
    places = _place(columns, width)
    return Layout(
        {item[0]: places[item] for item in places if not item[1]},
        [(chain[0][0], chain[-1][0], _draw(chain, places, width)) for chain in chains],
        width,
        2 * MARGIN + max(1, len(columns)) * (width + BETWEEN) - BETWEEN,
        2 * MARGIN + max(map(_measure_height, columns), default=0),
    )


def _make_chain(source: str, target: str, column_of: Mapping[str, int]) -> list[Item]:
    between = range(column_of[source] + 1, column_of[target])
    return [(source, "", 0), *((source, target, n) for n in between), (target, "", 0)]


def _order_columns(
    column_of: Mapping[str, int], chains: Sequence[Sequence[Item]]
) -> list[list[Item]]:
    """Return the columns, each ordered by where its neighbours are, to and fro a few times."""
    columns: list[list[Item]] = [[] for _ in range(max(column_of.values(), default=-1) + 1)]
    for name in sorted(column_of):
        columns[column_of[name]].append((name, "", 0))
    before: dict[Item, list[Item]] = {}
    after: dict[Item, list[Item]] = {}
    for chain in chains:
        for item in chain[1:-1]:
            columns[item[2]].append(item)
        for left, right in pairwise(chain):
            before.setdefault(right, []).append(left)
            after.setdefault(left, []).append(right)
    for _ in range(_SWEEPS):
        for number in range(1, len(columns)):
            _sort(columns[number], columns[number - 1], before)
        for number in range(len(columns) - 2, -1, -1):
            _sort(columns[number], columns[number + 1], after)
    return columns


def _sort(column: list[Item], beside: list[Item], neighbours: Mapping[Item, list[Item]]) -> None:
    place = {item: number / len(beside) for number, item in enumerate(beside)}
    own = {item: number / len(column) for number, item in enumerate(column)}

    def average(item: Item) -> float:
        near = [place[other] for other in neighbours.get(item, ())]
        return sum(near) / len(near) if near else own[item]

    column.sort(key=average)


def _measure_height(column: Sequence[Item]) -> int:
    return sum(SLOT if item[1] else HEIGHT for item in column) + GAP * max(0, len(column) - 1)


def _place(columns: Sequence[Sequence[Item]], width: int) -> dict[Item, tuple[int, int]]:
    """Return the left top corner of nodes and slots; every column is centred."""
    tallest = max(map(_measure_height, columns), default=0)
    places: dict[Item, tuple[int, int]] = {}
    for number, column in enumerate(columns):
        y = MARGIN + (tallest - _measure_height(column)) // 2
        for item in column:
            places[item] = (MARGIN + number * (width + BETWEEN), y)
            y += (SLOT if item[1] else HEIGHT) + GAP
    return places


def _draw(chain: Sequence[Item], places: Mapping[Item, tuple[int, int]], width: int) -> str:
    """Return a path from the right of the first node, straight through slots, to the last."""
    x, y = places[chain[0]]
    path = [f"M{x + width},{y + HEIGHT // 2}"]
    left, height = x + width, y + HEIGHT // 2
    for item in chain[1:]:
        x, y = places[item]
        y += (SLOT if item[1] else HEIGHT) // 2
        bend = (left + x) // 2
        path.append(f"C{bend},{height} {bend},{y} {x},{y}")
        left, height = x, y
        if item[1]:
            path.append(f"H{x + width}")
            left = x + width
    return " ".join(path)
