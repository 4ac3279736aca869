"""Laws of a difference, on random small tables."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ask.diff.pair import KEY, Pair, Row, Table
from etl.model.errors import UserError
from etl.warehouse.connect import quoted

COLUMNS = {
    "case_id": "varchar",
    "mask": "varchar",
    "volume_cm3": "double",
    "voxel_count": "bigint",
    "race": "varchar",
    "touches_border": "boolean",
    "extracted_on": "date",
    "stored_values": "double[]",
    "failing_cases": "varchar[]",
    "column": "varchar",
}
TEXT = st.text(alphabet="aZ0 ,'\"[]{}\\\n|%éNUL", max_size=6)
FLOATS = st.one_of(st.sampled_from([0.0, 1.5, math.nan, math.inf, -math.inf, 1e-300]), st.floats())
VALUES: tuple[st.SearchStrategy[Any], ...] = (
    FLOATS,
    st.integers(-(2**63), 2**63 - 1),
    TEXT,
    st.booleans(),
    st.dates(),
    st.lists(FLOATS, max_size=3),
    st.lists(TEXT, max_size=3),
    st.sampled_from(["x", "y"]),
)
KEYS = st.tuples(st.sampled_from(["ISPY1_1", "ISPY1_2", "é'"]), st.sampled_from(["ftv", "own"]))
ROWS = st.dictionaries(KEYS, st.tuples(*(st.none() | value for value in VALUES)), max_size=4)
PAIR = Pair()
LAW = settings(max_examples=15, deadline=None)
EMPTY: Table = (COLUMNS, [])


def table(rows: dict[Row, Row]) -> Table:
    return COLUMNS, [(*key, *values) for key, values in rows.items()]


@LAW
@given(ROWS)
def test_no_version_differs_from_itself(rows: dict[Row, Row]) -> None:
    pair = PAIR.set(table(rows), table(rows))
    assert pair.cells() == []
    assert pair.ask("from diff.changes") == pair.ask("from diff.columns") == []


@LAW
@given(ROWS, ROWS)
def test_the_way_back_mirrors_the_way_there(old: dict[Row, Row], new: dict[Row, Row]) -> None:
    there = PAIR.set(table(old), table(new)).cells()
    back = PAIR.set(table(new), table(old)).cells()
    swapped = {"added": "removed", "removed": "added", "changed": "changed"}
    assert back == [(*key, swapped[c], name, b, a) for *key, c, name, a, b in there]


@LAW
@given(ROWS, ROWS)
def test_a_difference_applied_to_the_old_gives_the_new(
    old: dict[Row, Row], new: dict[Row, Row]
) -> None:
    pair = PAIR.set(table(old), table(new))
    pair.connection.execute(f"create or replace temp table made as {applied()}")
    for left, right in (("made", "memory.t"), ("memory.t", "made")):
        assert pair.ask(f"from {left} except all from {right}") == []


def applied() -> str:
    """The old table with every cell of diff.t written into it."""
    values = [
        f"if(d_{n}.change is null, o.{quoted(n)}, d_{n}.new::{kind}) as {quoted(n)}"
        for n, kind in COLUMNS.items()
        if n not in KEY
    ]
    joins = [
        f"left join diff.t as d_{n} on d_{n}.case_id = k.case_id and d_{n}.mask = k.mask "
        f"and d_{n}.\"column\" = '{n}'"
        for n in COLUMNS
        if n not in KEY
    ]
    return (
        f"select k.case_id, k.mask, {', '.join(values)} from ("
        "select case_id, mask from old.t union select case_id, mask from diff.t where change = "
        "'added' except select case_id, mask from diff.t where change = 'removed') as k "
        f"left join old.t as o on k.case_id = o.case_id and k.mask = o.mask {' '.join(joins)}"
    )


@LAW
@given(ROWS, ROWS)
def test_changes_are_the_cells_and_the_rows_of_all_tables(
    old: dict[Row, Row], new: dict[Row, Row]
) -> None:
    pair = PAIR.set(table(old), table(new))
    changes = pair.ask('select change, case_id, "column", kind, unusual from diff.changes')
    assert sum(c[0] == "added" for c in changes) == len(new.keys() - old.keys())
    assert sum(c[0] == "removed" for c in changes) == len(old.keys() - new.keys())
    assert sum(c[2] is not None for c in changes) == sum(c[2] == "changed" for c in pair.cells())
    assert all(c[3] in ("coverage", "value") and c[4] >= 0 for c in changes)


def test_nan_is_nan_and_null_is_null() -> None:
    rows = [("a", "ftv", math.nan), ("b", "ftv", None)]
    columns = {"case_id": "varchar", "mask": "varchar", "volume_cm3": "double"}
    assert PAIR.set((columns, rows), (columns, rows)).cells() == []
    other = [("a", "ftv", None), ("b", "ftv", math.nan)]
    cells = PAIR.set((columns, rows), (columns, other)).cells()
    assert [cell[-2:] for cell in cells] == [("nan", None), (None, "nan")]


def test_the_smallest_step_of_a_float_is_a_change() -> None:
    columns = {"case_id": "varchar", "mask": "varchar", "volume_cm3": "double"}
    step = math.nextafter(0.1, 1)
    pair = PAIR.set((columns, [("a", "f", 0.1)]), (columns, [("a", "f", step)]))
    assert [float(cell[-1]) for cell in pair.cells()] == [step]


@pytest.mark.parametrize(("side", "name"), [(0, "v1"), (1, "v2")])
def test_duplicate_keys_are_refused(side: int, name: str) -> None:
    columns = {"case_id": "varchar", "mask": "varchar"}
    tables = [(columns, [("a", "ftv")]), (columns, [("a", "ftv")])]
    tables[side] = (columns, [("a", "ftv"), ("a", "ftv")])
    with pytest.raises(UserError, match=rf"{name}: t has more than one row with the key a, ftv"):
        PAIR.set(tables[0], tables[1])


def test_columns_are_added_removed_and_retyped() -> None:
    key = {"case_id": "varchar", "mask": "varchar"}
    old = ({**key, "gone": "double", "n": "bigint", "s": "bigint"}, [("a", "f", 1.0, 5, 7)])
    new = ({**key, "n": "double", "s": "varchar", "fresh": "boolean"}, [("a", "f", 5.0, "8", True)])
    pair = PAIR.set(old, new)
    assert pair.ask('from diff.columns order by "column"') == [
        ("t", "fresh", "added", None, "BOOLEAN"),
        ("t", "gone", "removed", "DOUBLE", None),
        ("t", "n", "retyped", "BIGINT", "DOUBLE"),
        ("t", "s", "retyped", "BIGINT", "VARCHAR"),
    ]
    # 5 is 5.0 in whatever type; a column of one version is no change of a row.
    assert pair.cells() == [("a", "f", "changed", "s", "7", "8")]


def test_a_table_of_one_version_is_added_or_removed_whole() -> None:
    columns = {"case_id": "varchar", "mask": "varchar", "n": "bigint"}
    there = (columns, [("a", "f", 1)])
    assert PAIR.set(None, there).cells() == [("a", "f", "added", "n", None, "1")]
    assert PAIR.set(there, None).cells() == [("a", "f", "removed", "n", "1", None)]
    assert PAIR.ask("from diff.columns") == []


def test_a_table_that_is_all_key_shows_its_rows() -> None:
    columns = {"case_id": "varchar", "mask": "varchar"}
    pair = PAIR.set((columns, [("a", "f")]), (columns, [("a", "f"), ("b", "f")]))
    assert pair.cells() == [("b", "f", "added", None, None, None)]


def test_what_is_unusual_comes_first() -> None:
    columns = {"case_id": "varchar", "mask": "varchar", "volume_cm3": "double", "race": "varchar"}
    rows = [(f"c{n}", m, n * scale, "x" if n else "y") for m, scale in (("a", 1.0), ("b", 100.0))
            for n in range(9)]  # fmt: skip
    other = [
        (c, m, v + 8 if c == "c1" else None if c == "c2" and m == "a" else v,
         "y" if (c, m) == ("c3", "a") else "z" if (c, m) == ("c3", "b") else r)
        for c, m, v, r in rows
    ]  # fmt: skip
    pair = PAIR.set((columns, rows), (columns, other))
    found = pair.ask(
        "select key::json->>'mask', case_id, kind, unusual from diff.changes order by 1, 2, 3"
    )
    assert found == [
        ("a", "c1", "value", 2.0),  # 8 of an interquartile range of 4
        ("a", "c2", "coverage", 10.0),  # no other of 9 was null
        ("a", "c3", "value", 1.0),  # a word has no spread
        ("b", "c1", "value", 0.02),  # 8 of 400
        ("b", "c3", "value", 1.0),
    ]


def test_a_change_of_a_constant_is_unusual_without_bound() -> None:
    columns = {"case_id": "varchar", "mask": "varchar", "n": "bigint"}
    rows = [(f"c{n}", "a", 1) for n in range(5)]
    pair = PAIR.set((columns, rows), (columns, [("c0", "a", 2), *rows[1:]]))
    assert pair.ask("select unusual from diff.changes") == [(math.inf,)]
