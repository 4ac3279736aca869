"""A build whose voxels are wrong is red and names the case; what a release lacks is no reason."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from etl.gate.judge import run_gate
from etl.gate.report import Contract
from etl.gate.suites import SUITES
from etl.model.params_file import set_params
from etl.model.project import params
from etl.model.store import list_parts, part_path, serialize_part
from etl.tables.voxel_files import MARGIN
from faults.breaks import CASE, OTHER, Release
from faults.conftest import build_stale

IMAGES = "images_bias-corrected_resampled_zscored_nifti"


def judge_voxels(root: Path) -> list[Contract]:
    """Judge this suite alone: the others are those of every fault."""
    for path in (root / SUITES).glob("*.yaml"):
        if path.stem != "voxels":
            path.unlink()
    return [c for c in run_gate(root).contracts if c.suite == "voxels"]


def move_one(voxels: pl.DataFrame) -> pl.DataFrame:
    """Move the last voxel of the expert's mask by one, to where no row is."""
    at = voxels.with_row_index().filter("in_stv_manual")["index"][-1]
    k = pl.when(pl.int_range(pl.len()) == at).then(1000).otherwise("k")
    return voxels.with_columns(k.cast(pl.Int32).alias("k")).sort("i", "j", "k")


def change_mask_of_two(voxels: pl.DataFrame) -> pl.DataFrame:
    """Take one voxel out of the expert's mask and another one into it."""
    inside = voxels["in_stv_manual"]
    pair = [inside.arg_max(), inside.arg_min()]
    changed = inside.scatter(pair, [False, True])  # type: ignore[arg-type]
    return voxels.with_columns(changed)


def change_value(voxels: pl.DataFrame) -> pl.DataFrame:
    """Give one voxel of the expert's mask the value of another phase."""
    at = voxels["in_stv_manual"].arg_max()
    z1 = pl.when(pl.int_range(pl.len()) == at).then("z0").otherwise("z1")
    return voxels.with_columns(z1.alias("z1"))


@pytest.mark.parametrize("harm", [move_one, change_mask_of_two, change_value])
def test_one_wrong_voxel_is_red(
    broken: Release, harm: Callable[[pl.DataFrame], pl.DataFrame]
) -> None:
    root = broken.root.parents[1]
    path = part_path(root / "data/tables", "voxels", CASE)
    voxels = pl.read_parquet(path, hive_partitioning=False)
    wrong = harm(voxels)
    assert wrong.height == voxels.height
    path.write_bytes(serialize_part("voxels", wrong.to_arrow().cast(voxels.to_arrow().schema)))
    failing = [c for c in judge_voxels(root) if not c.success]
    assert failing
    for contract in failing:
        assert contract.severity == "critical"
        assert all(item.startswith(f"{CASE}: ") for item in contract.failing_cases)


def copy_masks(release: Release) -> None:
    for case, source in ((CASE, "stv_resunet"), (OTHER, "ftv")):
        path = release.root / "masks_mine" / f"{case}.nii.gz"
        path.parent.mkdir(exist_ok=True)
        shutil.copy2(release.root / f"masks_{source}" / f"{case}.nii.gz", path)


def remove_images(release: Release) -> None:
    for case in (CASE, OTHER):
        shutil.rmtree(release.root / IMAGES / case)


def remove_expert_mask(release: Release) -> None:
    (release.root / "masks_stv_manual" / f"{CASE}.nii.gz").unlink()


def remove_everything(release: Release) -> None:
    remove_images(release)
    for path in release.root.glob("masks_*/*"):
        path.unlink()


@pytest.mark.parametrize(
    ("change", "n_on_grid", "n_enhancing"),
    [(copy_masks, 5, 8), (remove_images, 4, 0), (remove_expert_mask, 3, 5)],
)
def test_what_a_release_has_or_lacks_is_no_reason(
    broken: Release, change: Callable[[Release], None], n_on_grid: int, n_enhancing: int
) -> None:
    root = broken.root.parents[1]
    change(broken)
    build_stale(root)
    contracts = judge_voxels(root)
    assert [c for c in contracts if not c.success] == []
    n_checked = {c.expectation[:9]: c.n_checked - 2 for c in contracts}  # less two cases
    assert (n_checked["A mask on"], n_checked["Enhancing"]) == (n_on_grid, n_enhancing)


def test_a_release_without_a_voxel_is_red(broken: Release) -> None:
    root = broken.root.parents[1]
    remove_everything(broken)
    build_stale(root)
    assert not any(c.success for c in judge_voxels(root))


def test_a_table_that_is_switched_off_is_not_judged(broken: Release) -> None:
    root = broken.root.parents[1]
    set_params(root / "params.yaml", {MARGIN: False})
    params.cache_clear()
    build_stale(root)
    assert list_parts(root / "data/tables", "voxels") == {}
    contracts = judge_voxels(root)
    assert all(c.success and not c.n_checked for c in contracts)
    assert "switches the table off" in (contracts[0].observed or "")
