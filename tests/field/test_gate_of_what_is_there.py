"""What cannot be measured, or was not asked for, is no broken contract."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from made.green import CASES

from etl.gate import frames
from etl.model.profile import load_profile

A = CASES[0]
FOUND = (
    'insert into findings (finding_id, "table", severity, "check", observed, expected,'
    " likely_cause, fix, case_id, path)"
    " values ('f', '{}', 'warning', '{}', '', '', '', '', '{}', {})"
)


@pytest.mark.parametrize(("voxels", "is_measured"), [(1, True), (5000, False)])
def test_a_mask_that_falls_between_the_voxels_of_the_other_grid(
    green: Path, tables: duckdb.DuckDBPyConnection, voxels: int, *, is_measured: bool
) -> None:
    """One voxel is told in a warning; a mask of many that is not there breaks a contract."""
    tables.execute(f"delete from captk_features where case_id = '{A}' and image_set = 'n3'")
    tables.execute(f"update masks set voxel_count = {voxels} where mask = 'stv_manual'")
    tables.execute(FOUND.format("captk_features", "mask_empty_on_grid:image_n3_1", A, "null"))
    profile = load_profile(green)
    frame = frames.read_frame(tables, green, "captk_features", profile)
    is_broken = (frame["case_id"] == A) & (frame["item"] == "n3")
    assert frame[is_broken]["is_measured"].tolist() == [is_measured]
    assert frame[~is_broken]["is_measured"].all()


@pytest.mark.parametrize(("check", "n_unknown"), [("above_limit:limits.x", 0), ("other", 1)])
def test_a_noisy_mask_whose_features_are_given_up(
    green: Path, tables: duckdb.DuckDBPyConnection, check: str, n_unknown: int
) -> None:
    """Null with a finding that names the limit is no failure of the engine."""
    of_mask = f"case_id = '{A}' and mask = 'stv_manual'"
    tables.execute(f"update recomputed_features set value = null where {of_mask}")
    path = f"(select path from masks where {of_mask})"
    tables.execute(FOUND.format("recomputed_features", check, A, path))
    frame = frames.read_frame(tables, green, "recomputed_features", load_profile(green))
    assert (frame["n_shape_unknown"] > 0).sum() == n_unknown
