"""Clusters of redundant features and correlation of phases, against scipy and by hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import numpy as np
import pytest
from scipy.sparse.csgraph import connected_components
from scipy.stats import spearmanr
from support import ROOT, Array

from etl.model.profile import load_profile
from etl.warehouse.views import read_views

FOLDS = 5


@pytest.fixture
def db() -> Iterator[duckdb.DuckDBPyConnection]:
    """The views over empty tables."""
    with duckdb.connect() as connection:
        connection.execute(
            """
            create schema inputs;
            create table inputs.splits (case_id varchar, fold bigint);
            create table recomputed_catalog (feature varchar, position bigint);
            create table feature_catalog (
                feature varchar, position bigint, bin_index bigint, is_constant boolean
            );
            create table recomputed_features (
                case_id varchar, image_set varchar, phase bigint, mask varchar, feature varchar,
                value double
            );
            create table features (case_id varchar, feature varchar, value double);
            """
        )
        views = read_views(ROOT / "sql/views", load_profile(ROOT))
        for name in ("feature_clusters", "phase_correlation"):
            connection.execute(f"create view {name} as {views[name]}")
        yield connection


def fill(db: duckdb.DuckDBPyConnection, values: Array, folds: list[int]) -> list[str]:
    """One row of `values` a case, one column per feature: f000, f001, ..."""
    names = [f"f{number:03d}" for number in range(values.shape[1])]
    for number, fold in enumerate(folds):
        db.execute("insert into inputs.splits values (?, ?)", [f"c{number:03d}", fold])
    for position, name in enumerate(names, 1):
        db.execute("insert into recomputed_catalog values (?, ?)", [name, position])
    rows = [
        (f"c{case:03d}", name, None if np.isnan(value) else float(value))
        for case, line in enumerate(values)
        for name, value in zip(names, line, strict=True)
    ]
    db.execute(
        """
        insert into recomputed_features
        select t.row[1]::varchar, 'zscored', 1, 'stv_manual', t.row[2]::varchar, t.row[3]::double
        from (select unnest($rows::varchar[][]) as row) as t
        """,
        {"rows": [[case, name, None if v is None else repr(v)] for case, name, v in rows]},
    )
    return names


def clusters(
    db: duckdb.DuckDBPyConnection, fold: int, source: str = "recomputed"
) -> dict[str, Any]:
    """Feature -> number, representative and size of its cluster."""
    sql = """
    select feature, cluster, representative, n_in_cluster from feature_clusters
    where source = ? and test_fold = ?"""
    return {name: tuple(rest) for name, *rest in db.execute(sql, [source, fold]).fetchall()}


def cohort(n_cases: int, n_features: int, seed: int = 0) -> tuple[Array, list[int]]:
    """Features that follow a few hidden ones more or less closely, some of whole numbers."""
    draw = np.random.default_rng(seed)
    hidden = draw.normal(size=(n_cases, max(n_features // 5, 1)))
    which = draw.integers(0, hidden.shape[1], n_features)
    sign = draw.choice([-1, 1], n_features)
    noise = draw.normal(size=(n_cases, n_features)) * draw.choice([0.02, 0.15, 1.0], n_features)
    values = hidden[:, which] * sign + noise
    values[:, ::7] = np.round(values[:, ::7] * 2)  # ties
    return values, draw.integers(0, FOLDS, n_cases).tolist()


def test_clusters_of_a_cohort_of_the_size_of_the_release(db: duckdb.DuckDBPyConnection) -> None:
    """163 cases, 128 features, five folds: scipy's ranks, scipy's components."""
    values, folds = cohort(163, 128)
    names = fill(db, values, folds)
    for fold in range(FOLDS):
        training = values[[given != fold for given in folds]]
        alike = np.abs(spearmanr(training).statistic) > 0.95
        count, labels = connected_components(alike)
        found = clusters(db, fold)
        assert 10 < count < 128
        assert len({cluster for cluster, _, _ in found.values()}) == count
        assert (
            len({(label, found[name][0]) for label, name in zip(labels, names, strict=True)})
            == count
        )
        for label, name in zip(labels, names, strict=True):
            members = [other for other, its in zip(names, labels, strict=True) if its == label]
            assert found[name][1:] == (members[0], len(members))
        sizes = db.execute(
            "select distinct n_cases from feature_clusters where test_fold = ?", [fold]
        ).fetchall()
        assert sizes == [(len(training),)]


def test_the_held_out_fold_has_no_say(db: duckdb.DuckDBPyConnection) -> None:
    values, folds = cohort(40, 20, seed=3)
    fill(db, values, folds)
    before = [clusters(db, fold) for fold in range(FOLDS)]
    db.execute(
        "update recomputed_features set value = hash(value) % 1000 from inputs.splits as splits "
        "where recomputed_features.case_id = splits.case_id and splits.fold = 2"
    )
    after = [clusters(db, fold) for fold in range(FOLDS)]
    assert after[2] == before[2]
    assert all(after[fold] != before[fold] for fold in (0, 1, 3, 4))


def test_what_pairs_connect_is_one_cluster(db: duckdb.DuckDBPyConnection) -> None:
    """a is like b and b like c, though a is not like c; the sign does not matter."""
    a = np.arange(20.0)
    b, c = a.copy(), a.copy()
    b[[0, 3]] = b[[3, 0]]
    c[[0, 3, 10, 14, 16, 19]] = c[[3, 0, 14, 10, 19, 16]]
    pairs = [abs(spearmanr(one, other).statistic) for one, other in ((a, b), (b, c), (a, c))]
    assert [rho > 0.95 for rho in pairs] == [True, True, False]
    other = np.random.default_rng(1).normal(size=20)
    fill(db, np.stack([other, c, -b, a], axis=1), [0] * 20)
    assert clusters(db, 4) == {
        "f000": (1, "f000", 1),
        **dict.fromkeys(("f001", "f002", "f003"), (2, "f001", 3)),
    }
    assert clusters(db, 0) == {}  # every case is held out


def test_a_constant_feature_is_like_no_other(db: duckdb.DuckDBPyConnection) -> None:
    a = np.arange(12.0)
    fill(db, np.stack([a, a * 0 + 3, a * 0 + 5, a**3], axis=1), [1] * 12)
    assert clusters(db, 0) == {
        "f000": (1, "f000", 2), "f001": (2, "f001", 1), "f002": (3, "f002", 1),
        "f003": (1, "f000", 2),
    }  # fmt: skip


def test_a_value_that_is_missing_takes_the_middle_rank(db: duckdb.DuckDBPyConnection) -> None:
    a = np.arange(30.0)
    b = a.copy()
    b[14] = np.nan
    fill(db, np.stack([a, b, b * np.nan], axis=1), [1] * 30)
    assert clusters(db, 0) == {"f000": (1, "f000", 2), "f001": (1, "f000", 2)}


def test_only_what_the_published_features_are_comparable_with(
    db: duckdb.DuckDBPyConnection,
) -> None:
    values, folds = cohort(25, 6, seed=2)
    fill(db, values, folds)
    before = clusters(db, 1)
    for image_set, phase, mask in (
        ("n3", 1, "stv_manual"),
        ("zscored", 2, "stv_manual"),
        ("zscored", 1, "mine"),
    ):
        db.execute(
            "insert into recomputed_features select case_id, ?, ?, ?, feature, random() "
            "from recomputed_features "
            "where (image_set, phase, mask) = ('zscored', 1, 'stv_manual')",
            [image_set, phase, mask],
        )
    db.execute(
        "insert into recomputed_features values "
        "('not in the release', 'zscored', 1, 'stv_manual', 'f000', 7)"
    )
    assert clusters(db, 1) == before


def test_published_features_without_bins_and_constants(db: duckdb.DuckDBPyConnection) -> None:
    a = np.arange(15.0)
    fill(db, a[:, None], [0] * 15)
    db.execute(
        "insert into feature_catalog values ('one', 1, null, false), ('bin', 2, 7, false), "
        "('same', 3, null, true), ('two', 4, null, null)"
    )
    db.execute(
        "insert into features select case_id, name, value from recomputed_features cross join "
        "(values ('one'), ('bin'), ('same'), ('two')) as t (name)"
    )
    assert clusters(db, 1, "published") == dict.fromkeys(("one", "two"), (1, "one", 2))
    assert clusters(db, 1) == {"f000": (1, "f000", 1)}


# --- phases ------------------------------------------------------------------------------------


def phases(db: duckdb.DuckDBPyConnection, *values: Array) -> list[tuple[Any, ...]]:
    """What the view says of one feature whose values in the phases 0, 1, ... these are."""
    for phase, column in enumerate(values):
        for case, value in enumerate(column):
            db.execute(
                "insert into recomputed_features values (?, 'zscored', ?, 'stv_manual', 'f', ?)",
                [f"c{case:02d}", phase, None if np.isnan(value) else float(value)],
            )
    return db.execute(
        "select phase_a, phase_b, n_cases, spearman from phase_correlation"
    ).fetchall()


def test_correlation_between_phases(db: duckdb.DuckDBPyConnection) -> None:
    draw = np.random.default_rng(5)
    one = np.round(draw.normal(size=24) * 2)
    two, three = one + np.round(draw.normal(size=24)), -one
    found = phases(db, one, two, three)
    assert [row[:3] for row in found] == [(0, 1, 24), (0, 2, 24), (1, 2, 24)]
    wanted = [spearmanr(a, b).statistic for a, b in ((one, two), (one, three), (two, three))]
    assert [row[3] for row in found] == pytest.approx(wanted)


def test_cases_without_a_value_in_both_phases_do_not_count(db: duckdb.DuckDBPyConnection) -> None:
    one = np.random.default_rng(6).normal(size=14)
    two = one**3
    one[0], two[1] = np.nan, np.nan
    assert phases(db, one, two) == [(0, 1, 12, 1.0)]


def test_too_few_cases_and_constants_have_no_correlation(db: duckdb.DuckDBPyConnection) -> None:
    assert phases(db, np.arange(9.0), np.arange(9.0)) == [(0, 1, 9, None)]
    db.execute("truncate recomputed_features")
    assert phases(db, np.arange(12.0), np.ones(12)) == [(0, 1, 12, None)]


def test_one_phase_gives_no_row(db: duckdb.DuckDBPyConnection) -> None:
    assert phases(db, np.arange(12.0)) == []
