"""What cannot be measured, or was not asked for, is no broken contract."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from expectations.builder import CASES, make_project

from etl.gate import frames, report
from etl.gate.drift import read_reference
from etl.model.profile import load_profile
from etl.warehouse import connect

A = CASES[0]
FOUND = (
    'insert into findings (finding_id, "table", severity, "check", observed, expected,'
    " likely_cause, fix, case_id, path)"
    " values ('f', '{}', 'warning', '{}', '', '', '', '', '{}', {})"
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("gate") / "project")


@pytest.fixture
def tables(root: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connect.build(connection, connect.take_working_tree(root), storage="table")
        reference = read_reference(report.read_recorded(root))
        frames.hand_over(connection, load_profile(root), reference)
        yield connection


@pytest.mark.parametrize(("voxels", "is_measured"), [(1, True), (5000, False)])
def test_a_mask_that_falls_between_the_voxels_of_the_other_grid(
    root: Path, tables: duckdb.DuckDBPyConnection, voxels: int, *, is_measured: bool
) -> None:
    """One voxel is told in a warning; a mask of many that is not there breaks a contract."""
    tables.execute(f"delete from captk_features where case_id = '{A}' and image_set = 'n3'")
    tables.execute(f"update masks set voxel_count = {voxels} where mask = 'stv_manual'")
    tables.execute(FOUND.format("captk_features", "mask_empty_on_grid:image_n3_1", A, "null"))
    frame = frames.read_frame(tables, root, "captk_features", load_profile(root)).set_index("item")
    assert bool(frame.loc[f"{A}: n3", "is_measured"]) == is_measured
    assert frame.drop(index=f"{A}: n3")["is_measured"].all()


@pytest.mark.parametrize(("check", "n_unknown"), [("above_limit:limits.x", 0), ("other", 1)])
def test_a_noisy_mask_whose_features_are_given_up(
    root: Path, tables: duckdb.DuckDBPyConnection, check: str, n_unknown: int
) -> None:
    """Null with a finding that names the limit is no failure of the engine."""
    of_mask = f"case_id = '{A}' and mask = 'stv_manual'"
    tables.execute(f"update recomputed_features set value = null where {of_mask}")
    path = f"(select path from masks where {of_mask})"
    tables.execute(FOUND.format("recomputed_features", check, A, path))
    frame = frames.read_frame(tables, root, "recomputed_features", load_profile(root))
    assert (frame["n_shape_unknown"] > 0).sum() == n_unknown


@pytest.mark.parametrize("mask", ["stv_manual", "stv_resunet"])
def test_a_mask_taken_out_of_recompute_inputs(
    root: Path, tables: duckdb.DuckDBPyConnection, mask: str
) -> None:
    """feature_stability has no row then: the frame has one that says why."""
    tables.execute("delete from feature_stability")
    profile = load_profile(root)
    assert frames.read_frame(
        tables, root, "feature_stability", profile
    ).empty  # asked for, not there
    tables.execute(f"delete from recomputed_features where mask = '{mask}'")
    frame = frames.read_frame(tables, root, "feature_stability", profile)
    assert frame["item"].tolist() == ["recompute.inputs: not both of stv_manual and stv_resunet"]
    assert frame[["is_counted", "is_at_most_1", "is_inside"]].all(axis=None)
