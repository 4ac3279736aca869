"""The views and macros over the voxels, on five rows of which every number is known.

| case | PE | enhances | masks | distance |
|---|---|---|---|---|
| ISPY1_9001 | 25 | no | none | 1 |
| ISPY1_9001 | 50 | no | manual, resunet | -1 |
| ISPY1_9001 | 100 | yes, washout | all three | -2 |
| ISPY1_9001 | none: no signal | no | manual | -1 |
| ISPY1_9002 | none: no phase 2 | no | manual; it has no resunet | -1 |
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pytest
from made.small import ask
from scipy.stats import kurtosis, skew

import etl

CASE, OTHER = "ISPY1_9001", "ISPY1_9002"
ALL = "ftv + stv_manual + stv_resunet"


@pytest.fixture
def db(project: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with etl.connect(project) as connection:
        yield connection


def replace_voxels(db: duckdb.DuckDBPyConnection, change: str) -> None:
    """Put other rows in the place of the table: what `change` makes of it."""
    db.execute(f"create table rows as select {change} from voxels")
    db.execute("create or replace view voxels as from rows")


def test_rings(db: duckdb.DuckDBPyConnection) -> None:
    assert ask(db, "from rings") == [
        (CASE, -3, 1, 0.001, 100, 1, 1),
        (CASE, -2, 2, 0.002, 50, 0, 0),
        (CASE, 1, 1, 0.001, 25, 0, 0),
        (OTHER, -2, 1, 0.001, None, 0, 0),
    ]


@pytest.mark.parametrize(
    ("distance", "ring"),
    [(1, 1), (0.9999999, 1), (1.99, 1), (1.9999999, 2), (0.5, 0), (30**0.5, 5),
     (-0.5, -1), (-0.9999999, -2), (-1, -2), (-1.99, -2), (-2.0000001, -3)],
)  # fmt: skip
def test_a_distance_lies_in_one_ring(
    db: duckdb.DuckDBPyConnection, distance: float, ring: int
) -> None:
    replace_voxels(db, f"* replace ({distance}::double as distance_mm)")
    assert ask(db, "select distinct ring_mm from rings") == [(ring,)]


def test_no_distance_no_ring(db: duckdb.DuckDBPyConnection) -> None:
    replace_voxels(db, "* replace (null::double as distance_mm)")
    assert ask(db, "from rings") == []
    assert ask(db, "select distinct b_only_distance_mm from disagreement") == [(None,)]


def test_mask_overlap(db: duckdb.DuckDBPyConnection) -> None:
    assert ask(db, "from mask_overlap") == [
        (CASE, ALL, 3, 1, 0.001),
        (CASE, "stv_manual", 1, 1, 0.001),
        (CASE, "stv_manual + stv_resunet", 2, 1, 0.001),
        (OTHER, "stv_manual", 1, 1, 0.001),
    ]


def test_disagreement(db: duckdb.DuckDBPyConnection) -> None:
    of = f"from disagreement where case_id = '{CASE}'"
    assert ask(db, f"select mask_a, mask_b, n_a_only, n_b_only, n_both, b_only_cm3 {of}") == [
        ("ftv", "stv_manual", 0, 2, 1, 0.002),
        ("ftv", "stv_resunet", 0, 1, 1, 0.001),
        ("stv_manual", "stv_resunet", 1, 0, 2, 0),
    ]
    columns = "_only_distance_mm, {0}_only_pe_percent, {0}_only_enhancing_fraction"
    parts = ", ".join(x + columns.format(x) for x in "ab")
    both = "both_pe_percent, both_enhancing_fraction"
    assert ask(db, f"select {parts}, {both} {of} and mask_a = 'stv_manual'") == [
        (1, None, 0, None, None, None, 75, 0.5)
    ]
    assert ask(db, f"select {parts} {of} and mask_b = 'stv_manual'") == [
        (None, None, None, 1, 50, 0)
    ]


def test_moments_are_those_of_scipy(db: duckdb.DuckDBPyConnection) -> None:
    values = np.array([2.0, 3.0, 3.0])
    of = f"from voxel_statistics where case_id = '{CASE}' and mask = 'stv_manual' and phase = 1"
    (row,) = ask(db, f"select * exclude (case_id, mask, phase) {of}")
    moments = (values.mean(), values.var(), skew(values), kurtosis(values))
    assert row == pytest.approx((3, *moments, 2, 3))


def test_equal_values_have_no_shape(db: duckdb.DuckDBPyConnection) -> None:
    of = f"from voxel_statistics where case_id = '{CASE}' and mask = 'ftv' and phase = 1"
    assert ask(db, f"select variance, skewness, kurtosis {of}") == [(0, 0, 0)]
    assert ask(db, "select entropy, uniformity from voxel_entropy(1, 8) where mask = 'ftv'") == [
        (0, 1)
    ]


def test_a_phase_without_values_has_no_statistics(db: duckdb.DuckDBPyConnection) -> None:
    assert ask(db, f"select phase from voxel_statistics where case_id = '{OTHER}'") == [(0,), (1,)]
    assert ask(db, f"from voxel_entropy(2, 8) where case_id = '{OTHER}'") == []
    assert ask(db, f"from voxel_percentiles(2) where case_id = '{OTHER}'") == []


def test_percentiles_and_entropy(db: duckdb.DuckDBPyConnection) -> None:
    of = f"where case_id = '{CASE}' and mask = 'stv_manual'"
    (row,) = ask(db, f"select * exclude (case_id, mask) from voxel_percentiles(1) {of}")
    assert row == pytest.approx(tuple(np.percentile([2, 3, 3], [10, 25, 50, 75, 90])))
    for bins in (2, 128):
        (row,) = ask(db, f"select * exclude (case_id, mask) from voxel_entropy(1, {bins}) {of}")
        assert row == pytest.approx((3, np.log2(3) - 2 / 3, 5 / 9))


def test_percentiles_of_many_values(db: duckdb.DuckDBPyConnection) -> None:
    values = "(hash(n) % 1000 / 250.0 - 2)::float as z1"
    db.execute(f"create table rows as select voxels.* replace (n::integer as i, {values}) "
               "from voxels, range(500) as numbers (n)")  # fmt: skip
    db.execute("create or replace view voxels as from rows")
    for case_id, mask, *percentiles in ask(db, "from voxel_percentiles(1)"):
        of = f"from rows where case_id = '{case_id}' and in_{mask}"
        inside = [z for (z,) in ask(db, f"select z1 {of}")]
        assert percentiles == pytest.approx(np.percentile(inside, [10, 25, 50, 75, 90]).tolist())


@pytest.mark.parametrize(("pe_min", "n_enhancing"), [(25, 2), (50, 2), (50.1, 1), (101, 0)])
def test_enhancing_volume(db: duckdb.DuckDBPyConnection, pe_min: float, n_enhancing: int) -> None:
    of = f"from enhancing_volume({pe_min}) where case_id = '{CASE}' and mask = 'stv_manual'"
    volume = pytest.approx(n_enhancing / 1000)
    assert ask(db, f"select * exclude (case_id, mask) {of}") == [
        (3, n_enhancing, volume, pytest.approx(n_enhancing / 3))
    ]


def test_a_mask_set_of_ones_own_is_a_mask_like_the_others(db: duckdb.DuckDBPyConnection) -> None:
    replace_voxels(db, "* replace (n_masks + (i = 1)::int as n_masks), i = 1 as in_mine")
    assert ask(db, f"select masks from mask_overlap where case_id = '{CASE}' and n_masks = 1") == [
        ("mine",), ("stv_manual",)
    ]  # fmt: skip
    assert ask(db, "select case_id, n_voxels from enhancing_volume(70) where mask = 'mine'") == [
        (CASE, 1), (OTHER, 1)
    ]  # fmt: skip
    assert ask(db, "select count(*) from voxel_statistics where mask = 'mine'") == [(5,)]
    assert len(ask(db, "from voxel_entropy(1, 2) where mask = 'mine'")) == 2


def test_which_voxels_enhance_is_said_by_params(db: duckdb.DuckDBPyConnection) -> None:
    query = "select count(*) from voxel_enhancement where is_enhancing"
    assert ask(db, query) == [(1,)]
    db.execute("update inputs.params set number = 50 where name = 'kinetics.pe_min_percent'")
    assert ask(db, query) == [(2,)]
