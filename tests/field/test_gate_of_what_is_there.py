"""What cannot be measured, or was not asked for, is no broken contract."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from expectations.builder import CASES, make_project

from etl import gate_frames, gate_report, warehouse
from etl.diff.drift import read_reference
from etl.profile import load_profile

A = CASES[0]
LOST = (
    'insert into findings (finding_id, "table", severity, "check", observed, expected,'
    " likely_cause, fix, case_id) values ('f', 'captk_features', 'warning',"
    " 'mask_empty_on_grid:image_n3_1', '', '', '', '', '{case}')"
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("gate") / "project")


@pytest.fixture
def tables(root: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        warehouse.build(connection, warehouse.working_tree(root), storage="table")
        reference = read_reference(gate_report.read_recorded(root))
        gate_frames.hand_over(connection, load_profile(root), reference)
        yield connection


@pytest.mark.parametrize(("voxels", "is_measured"), [(1, True), (5000, False)])
def test_a_mask_that_falls_between_the_voxels_of_the_other_grid(
    root: Path, tables: duckdb.DuckDBPyConnection, voxels: int, *, is_measured: bool
) -> None:
    """One voxel is told in a warning; a mask of many that is not there breaks a contract."""
    tables.execute(f"delete from captk_features where case_id = '{A}' and image_set = 'n3'")
    tables.execute(f"update masks set voxel_count = {voxels} where mask = 'stv_manual'")
    tables.execute(LOST.format(case=A))
    frame = gate_frames.read_frame(tables, root, "captk_features").set_index("item")
    assert bool(frame.loc[f"{A}: n3", "is_measured"]) == is_measured
    assert frame.drop(index=f"{A}: n3")["is_measured"].all()


@pytest.mark.parametrize("mask", ["stv_manual", "stv_resunet"])
def test_a_mask_taken_out_of_recompute_inputs(
    root: Path, tables: duckdb.DuckDBPyConnection, mask: str
) -> None:
    """feature_stability has no row then: the frame has one that says why."""
    tables.execute("delete from feature_stability")
    assert gate_frames.read_frame(tables, root, "feature_stability").empty  # asked for, not there
    tables.execute(f"delete from recomputed_features where mask = '{mask}'")
    frame = gate_frames.read_frame(tables, root, "feature_stability")
    assert frame["item"].tolist() == ["recompute.inputs: not both of stv_manual and stv_resunet"]
    assert frame[["is_counted", "is_at_most_1", "is_inside"]].all(axis=None)
