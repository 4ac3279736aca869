"""Reliability of features: which values are compared, and when there is no answer."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pytest
from support import build_table, rows

from etl.build.index import read_index, write_indexes
from etl.gate import frames
from etl.measure.reliability import compute_icc
from etl.model.profile import load_profile
from etl.model.store import table_path, write_table
from etl.tables.recomputed_features import TABLE as RECOMPUTED

META = {"recipe": "r", "dataset": "x", "licence": "x", "attribution": "x", "is_phantom": True}
Value = tuple[str, int, str, str, float | None]  # mask, phase, case, feature, value


def stable(
    root: Path, *values: Value, image_set: str = "zscored"
) -> dict[tuple[int, str], dict[str, object]]:
    """The table that follows from such values."""
    write_indexes(root)
    content = [
        {
            "case_id": case, "image_set": image_set, "phase": phase, "mask": mask,
            "feature": feature, "value": value, "mask_blob_md5": "m", "image_blob_md5": None,
            "inputs_md5": "i",
        }
        for mask, phase, case, feature, value in values
    ]  # fmt: skip
    write_table(RECOMPUTED, content, table_path(root / "data/tables", RECOMPUTED.name), meta=META)
    build_table(root, "feature_stability", 1)
    return {(row["phase"], row["feature"]): row for row in rows(root, "feature_stability")}


def pairs(n: int, *, feature: str = "stat_mean", phase: int = 1, noise: float = 0.1) -> list[Value]:
    draw = np.random.default_rng(n)
    truth = draw.normal(size=n)
    return [
        (mask, phase, f"ISPY1_{9000 + case}", feature, float(truth[case] + noise * draw.normal()))
        for case in range(n)
        for mask in ("stv_manual", "stv_resunet")
    ]


def test_the_reliability_of_both_masks(project: Path) -> None:
    values = pairs(14)
    found = stable(project, *values)
    assert set(found) == {(1, "stat_mean")}
    row = found[1, "stat_mean"]
    wanted = compute_icc(np.array([value[-1] for value in values], float).reshape(-1, 2))
    assert row["n_cases"] == 14
    assert (row["icc"], row["icc_low"], row["icc_high"]) == (wanted.icc, wanted.low, wanted.high)
    assert wanted.icc is not None
    assert 0.9 < wanted.icc < 1


@pytest.mark.parametrize(("n", "known"), [(9, False), (10, True)])
def test_below_ten_cases_there_is_none(project: Path, n: int, known: bool) -> None:  # noqa: FBT001
    row = stable(project, *pairs(n))[1, "stat_mean"]
    assert row["n_cases"] == n
    assert [row[name] is not None for name in ("icc", "icc_low", "icc_high")] == [known] * 3


def test_a_case_counts_with_both_values_alone(project: Path) -> None:
    values = pairs(13)
    values[0] = (*values[0][:-1], None)  # no value inside the expert's mask
    del values[5]  # no row of the ResUNet's
    row = stable(project, *values, ("ftv", 1, "ISPY1_9001", "stat_mean", 99.0))[1, "stat_mean"]
    kept = np.array([v[-1] for v in pairs(13)], float).reshape(-1, 2)[[1, *range(3, 13)]]
    assert row["n_cases"] == 11
    assert row["icc"] == compute_icc(kept).icc


def test_phases_and_features_are_apart(project: Path) -> None:
    found = stable(
        project, *pairs(11), *pairs(12, phase=2), *pairs(10, feature="stat_var"),
        ("stv_manual", 1, "ISPY1_9001", "stat_max", 1.0),
    )  # fmt: skip
    counted = {key: row["n_cases"] for key, row in found.items()}
    # A feature that was asked for inside one mask is not rated.
    assert counted == {(1, "stat_mean"): 11, (2, "stat_mean"): 12, (1, "stat_var"): 10}


def test_a_feature_that_is_the_same_everywhere(project: Path) -> None:
    values = [(mask, 1, case, "ih_min", 1.0) for mask, _, case, _, _ in pairs(12)]
    row = stable(project, *values)[1, "ih_min"]
    assert (row["n_cases"], row["icc"], row["icc_low"]) == (12, None, None)


def test_no_values_no_rows(project: Path) -> None:
    assert stable(project) == {}


def test_it_reads_no_blob(project: Path, release: Path) -> None:
    del release
    write_indexes(project)
    assert read_index(project, "feature_stability", load_profile(project)).blobs == ()


@pytest.mark.parametrize("mask", ["stv_manual", "stv_resunet"])
def test_the_gate_says_why_there_is_no_row(
    green: Path, tables: duckdb.DuckDBPyConnection, mask: str
) -> None:
    """A mask was taken out of recompute.inputs: the frame has one row that says so."""
    tables.execute("delete from feature_stability")
    assert frames.read_frame(
        tables, green, "feature_stability", load_profile(green)
    ).empty  # asked for, not there
    tables.execute(f"delete from recomputed_features where mask = '{mask}'")
    frame = frames.read_frame(tables, green, "feature_stability", load_profile(green))
    assert frame["item"].tolist() == ["recompute.inputs: not both of stv_manual and stv_resunet"]
    assert frame[["is_counted", "is_at_most_1", "is_inside"]].all(axis=None)
