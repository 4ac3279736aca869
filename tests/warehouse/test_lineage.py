"""Which table columns stand behind a column of a view."""

from __future__ import annotations

from pathlib import Path

import pytest
from made.small import make_project

from etl.model.profile import load_profile
from etl.warehouse import lineage, views
from etl.warehouse.connect import connect
from etl.warehouse.lineage import Source, find_sources

TABLES = {
    "main": {"t": {"k": "varchar", "a": "double", "b": "double"}},
    "other": {"u": {"c": "int"}},
}


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select a as x from t", [Source("t", "a")]),
        ("select a + b as x from t", [Source("t", "a"), Source("t", "b")]),
        ("select 1 as x", []),
        ("with q as (select a as y from t) select y as x from q", [Source("t", "a")]),
        (
            "select a as x from t union all select b as x from t",
            [Source("t", "a"), Source("t", "b")],
        ),
        (
            "select k, a as x from t union all by name select b as x from t",
            [Source("t", "a"), Source("t", "b")],
        ),
        ("select k, a as y from t union all by name select b as x from t", [Source("t", "b")]),
        ("select c as x from other.u", [Source("other.u", "c")]),
        ("select a as x from t where k = 'm'", [Source("t", "a", {"k": "m"})]),
        ("select a as x from t where 'm' = k and b > 1", [Source("t", "a", {"k": "m"})]),
        ("select a as x from t where k = 'm' or b = 1", [Source("t", "a")]),
        (
            "select max(a) filter (where k = 'm') as x from t",
            [Source("t", "a", {"k": "m"}), Source("t", "k", {}, is_condition=True)],
        ),
        (
            "select max(case when k = 'm' then a end) as x from t",
            [Source("t", "a", {"k": "m"}), Source("t", "k", {}, is_condition=True)],
        ),
        (
            "select u.c as x from other.u as u left join t as p on p.k = 'm'",
            [Source("other.u", "c")],
        ),
        (
            "select p.a as x from other.u as u left join t as p on u.c = p.b and p.k = 'm'",
            [Source("t", "a", {"k": "m"})],
        ),
        (
            "select max(a) filter (where k = 'm') / max(a) filter (where k = 'n') as x from t",
            [
                Source("t", "a", {"k": "m"}),
                Source("t", "a", {"k": "n"}),
                Source("t", "k", {}, is_condition=True),
            ],
        ),
        (
            "select * from t pivot (first(a) for k in ('x', 'y') group by b)",
            [Source("t", "a", {"k": "x"})],
        ),
    ],
)
def test_sources_of_a_column(sql: str, expected: list[Source]) -> None:
    assert find_sources("x", sql, TABLES, {}) == expected


def test_views_on_views_lead_to_the_tables() -> None:
    own = {"v": "select a as y, k from t", "w": "select y as x from v where k = 'm'"}
    found = find_sources("x", own["w"], TABLES, own)
    assert found is not None
    assert [(s.table, s.column) for s in found] == [("t", "a")]


def test_what_cannot_be_followed_says_so() -> None:
    assert find_sources("z", "select a as x from t", TABLES, {}) is None
    assert find_sources("x", "select from where", TABLES, {}) is None
    assert lineage.find_all_sources("select from where", TABLES, {}) == {}


def test_every_column_of_every_view_of_the_project_can_be_followed(tmp_path: Path) -> None:
    root = make_project(tmp_path / "p")
    connection = connect(root)
    own = views.read_views(root / "sql" / "views", load_profile(root))
    found: dict[str, dict[str, dict[str, str]]] = {}
    of_views: dict[str, list[str]] = {}
    for db, table, column, kind in connection.execute(
        "select schema_name, table_name, column_name, data_type from duckdb_columns() "
        "where database_name = current_catalog() and not internal"
    ).fetchall():
        if db == "main" and table in own:
            of_views.setdefault(table, []).append(column)
        else:
            found.setdefault(db, {}).setdefault(table, {})[column] = kind
    schema: lineage.Schema = found
    assert set(of_views) == set(own)
    for name, columns in of_views.items():
        if name.startswith("feature_matrix"):
            pivoted = find_sources(columns[1], own[name], schema, own)
            assert pivoted == [Source("features", "value", {"feature": columns[1]})]
            continue
        behind = lineage.find_all_sources(own[name], schema, own)
        if "unpivot" in own[name]:
            assert behind == {}
            assert find_sources(columns[-1], own[name], schema, own) is None
            continue
        assert set(behind) == set(columns), name
        for column, all_found in behind.items():
            for source in all_found:
                db, _, table = source.table.rpartition(".")
                assert source.column in schema[db or "main"][table], (name, column)
    ftv = find_sources("ftv_cm3", own["modelling"], schema, own)
    assert ftv is not None
    assert ftv[0] == Source("masks", "volume_cm3", {"mask": "ftv"})
