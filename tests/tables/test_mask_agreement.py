"""The table `mask_agreement`."""

from __future__ import annotations

import shutil
from itertools import combinations
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from measure.by_hand import agree_by_hand, carry_by_hand
from rebuild import rebuild
from support import (
    CASES,
    FINE,
    FINE_AFFINE,
    NATIVE,
    NATIVE_AFFINE,
    Array,
    Row,
    ball,
    by_nibabel,
    findings,
    make_project,
    mask_voxels,
    md5,
    psr,
    rows,
    write_nifti,
)

from etl.build.run import Built
from etl.model.params_file import set_params
from etl.model.project import params
from etl.phantom.build import make

CASE = "ISPY1_9001"
DECLARED = ("ftv", "stv_manual", "stv_resunet")
PAIRS = list(combinations(DECLARED, 2))
MEASURES = (
    "dice", "jaccard", "hausdorff_mm", "hausdorff95_mm", "assd_mm", "centroid_distance_mm",
    "a_inside_b_fraction", "b_inside_a_fraction",
)  # fmt: skip


def rebuilt(root: Path) -> Built:
    (built,) = rebuild(root, "mask_agreement")
    return built


def pair(root: Path, a: str, b: str, case: str = CASE) -> Row:
    (row,) = [
        r
        for r in rows(root, "mask_agreement")
        if (r["case_id"], r["mask_a"], r["mask_b"]) == (case, a, b)
    ]
    return row


def pairs(root: Path, case: str = CASE) -> list[tuple[str, str]]:
    found = rows(root, "mask_agreement")
    return [(r["mask_a"], r["mask_b"]) for r in found if r["case_id"] == case]


def told(root: Path) -> list[tuple[str, str, str, str]]:
    found = findings(root, table="mask_agreement")
    return sorted((f["check"], f["severity"], f["case_id"], f["path"]) for f in found)


def put(release: Path, mask: str, voxels: Array, affine: Array = FINE_AFFINE) -> None:
    write_nifti(release / f"masks_{mask}/{CASE}.nii.gz", voxels.astype(np.uint8), affine)


def measures(row: Row) -> dict[str, float]:
    return {name: row[name] for name in MEASURES}


# --- values ------------------------------------------------------------------------------------


def test_one_row_a_pair_in_the_order_that_the_profile_declares(built: Path) -> None:
    for case in CASES:
        assert pairs(built, case) == PAIRS


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_values_against_brute_force(built: Path, case: str, a: str, b: str) -> None:
    row = pair(built, a, b, case)
    one, other = (mask_voxels(int(case[-4:]), name) != 0 for name in (a, b))
    volumes = [int(m.sum()) * (4.5 if name == "ftv" else 1) / 1000 for m, name in zip(
        (one, other), (a, b), strict=True)]  # fmt: skip
    affine = FINE_AFFINE
    if a == "ftv":
        other, affine = carry_by_hand(other, FINE_AFFINE, NATIVE_AFFINE, NATIVE), NATIVE_AFFINE
    assert measures(row) == pytest.approx(agree_by_hand(one, other, affine))
    assert (row["a_voxel_count"], row["b_voxel_count"]) == (one.sum(), other.sum())
    assert row["grid"] == ("native" if a == "ftv" else "1mm")
    assert row["carried_mask"] == (b if a == "ftv" else None)
    assert row["volume_ratio"] == pytest.approx(volumes[0] / volumes[1])
    assert row["volume_difference_cm3"] == pytest.approx(volumes[0] - volumes[1])


def test_volumes_are_those_of_the_masks(built: Path) -> None:
    """From each mask's own grid: not from the one that it was carried to."""
    volumes = {(r["case_id"], r["mask"]): r["volume_cm3"] for r in rows(built, "masks")}
    for row in rows(built, "mask_agreement"):
        a, b = (volumes[row["case_id"], row[name]] for name in ("mask_a", "mask_b"))
        assert row["volume_ratio"] == a / b
        assert row["volume_difference_cm3"] == a - b


def test_rows_name_their_blobs(built: Path) -> None:
    for row in rows(built, "mask_agreement"):
        for side in "ab":
            path = built / f"data/release/masks_{row[f'mask_{side}']}/{row['case_id']}.nii.gz"
            assert row[f"{side}_blob_md5"] == md5(path)


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose release is a phantom of three cases, one of each native geometry."""
    root = make_project(tmp_path_factory.mktemp("phantom") / "project")
    shutil.rmtree(root / "data/release")
    make(root / "data/release", root / "truth.parquet", cases=3, workers=1)
    rebuilt(root)
    return root


def test_every_figure_agrees_with_the_truth(phantom: Path) -> None:
    truth = {
        (r["case_id"], r["subject"], r["quantity"]): r["value"]
        for r in pq.read_table(phantom / "truth.parquet").to_pylist()
        if "|" in r["subject"]
    }
    found = {
        (r["case_id"], f"{r['mask_a']}|{r['mask_b']}", name): r[name]
        for r in rows(phantom, "mask_agreement")
        for name in (*MEASURES, "volume_ratio", "volume_difference_cm3")
    }
    assert len(truth) == 3 * 3 * 10
    assert found == pytest.approx(truth, rel=1e-12, abs=1e-9)


# --- a user's own masks --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "affine", "size", "grids"),
    [
        # own set, its grid, its size; grid and carried mask of its pairs with ftv and stv_manual
        ("fine", FINE_AFFINE, FINE, [("native", "mine"), ("1mm", None)]),
        ("native", NATIVE_AFFINE, NATIVE, [("native", None), ("native", "stv_manual")]),
        ("moved", psr((1, 1, 1), (61.3, 40, -30)), FINE, [("native", "mine"), ("1mm", "mine")]),
        ("almost", psr((1, 1, 1), (60.009, 40, -30)), FINE, [("native", "mine"), ("1mm", None)]),
        ("finer", psr((0.5, 0.5, 0.5)), (36, 30, 32), [("native", "mine"), ("1mm", "mine")]),
    ],
)
def test_a_users_own_mask(
    project: Path,
    release: Path,
    name: str,
    affine: Array,
    size: tuple[int, int, int],
    grids: list[tuple[str, str | None]],
) -> None:
    centre = tuple(s * 0.52 for s in size)
    own = ball(size, centre, min(size) * 0.3)
    put(release, "mine", own, affine)
    rebuilt(project)
    assert pairs(project) == [
        ("ftv", "mine"), *PAIRS[:2], ("stv_manual", "mine"), PAIRS[2], ("stv_resunet", "mine"),
    ]  # fmt: skip
    for other, (grid, carried) in zip(("ftv", "stv_manual"), grids, strict=True):
        row = pair(project, other, "mine")
        assert (row["grid"], row["carried_mask"]) == (grid, carried)
        target, to_size = (NATIVE_AFFINE, NATIVE) if grid == "native" else (FINE_AFFINE, FINE)
        bits = mask_voxels(9001, other) != 0
        is_on_native = other == "ftv"
        if carried == "stv_manual":
            bits, is_on_native = carry_by_hand(bits, FINE_AFFINE, NATIVE_AFFINE, NATIVE), True
        assert is_on_native == (grid == "native")
        there = carry_by_hand(own, affine, target, to_size) if carried == "mine" else own
        assert measures(row) == pytest.approx(agree_by_hand(bits, there, target)), name


def test_own_sets_come_by_name_and_meet_on_their_own_grid(project: Path, release: Path) -> None:
    """Two of one foreign grid are compared there; a third one is carried to the first's."""
    foreign = psr((1, 1, 1), (61.3, 40, -30))
    one, other = ball(FINE, (9, 7, 8), 4), ball(FINE, (8, 7, 8), 3)
    put(release, "b", one, foreign)
    put(release, "a", other, foreign)
    put(release, "c", other, psr((1, 1, 1), (61.7, 40, -30)))
    rebuilt(project)
    assert {("a", "b"), ("a", "c"), ("b", "c")} <= set(pairs(project))
    assert (pair(project, "a", "b")["grid"], pair(project, "a", "b")["carried_mask"]) == (
        "own",
        None,
    )
    assert measures(pair(project, "a", "b")) == pytest.approx(agree_by_hand(other, one, foreign))
    assert (pair(project, "b", "c")["grid"], pair(project, "b", "c")["carried_mask"]) == (
        "own",
        "c",
    )


def test_an_oblique_mask_is_carried_by_world_coordinates(project: Path, release: Path) -> None:
    turn = np.deg2rad(20)
    oblique = FINE_AFFINE.copy()
    oblique[1:3, :2] = FINE_AFFINE[1:3, :2] @ [
        [np.cos(turn), -np.sin(turn)],
        [np.sin(turn), np.cos(turn)],
    ]
    own = ball(FINE, (9, 5, 8), 4)
    put(release, "mine", own, oblique)
    rebuilt(project)
    row = pair(project, "ftv", "mine")
    there = carry_by_hand(own, oblique, NATIVE_AFFINE, NATIVE)
    wanted = agree_by_hand(mask_voxels(9001, "ftv") != 0, there, NATIVE_AFFINE)
    assert measures(row) == pytest.approx(wanted, rel=1e-5)  # a header holds float32
    assert row["carried_mask"] == "mine"


def test_a_declared_mask_off_its_grid_is_carried(project: Path, release: Path) -> None:
    affine = psr((1, 1, 1), (63, 40, -30))
    put(release, "stv_resunet", mask_voxels(9001, "stv_manual"), affine)
    rebuilt(project)
    row = pair(project, "stv_manual", "stv_resunet")
    assert (row["grid"], row["carried_mask"]) == ("1mm", "stv_resunet")
    assert row["centroid_distance_mm"] == pytest.approx(3)
    assert (row["hausdorff_mm"], row["volume_ratio"]) == (pytest.approx(3), 1)


# --- what is missing or wrong --------------------------------------------------------------------


def test_an_empty_mask_gives_nulls_and_a_finding(project: Path, release: Path) -> None:
    put(release, "stv_resunet", np.zeros(FINE))
    rebuilt(project)
    assert pairs(project) == PAIRS
    for a, b in PAIRS[1:]:
        row = pair(project, a, b)
        assert set(measures(row).values()) == {None}
        assert row["volume_ratio"] is None
        assert row["b_voxel_count"] == 0
        assert row["a_voxel_count"] > 0
        volumes = {"ftv": (mask_voxels(9001, "ftv") != 0).sum() * 4.5 / 1000,
                   "stv_manual": mask_voxels(9001, "stv_manual").sum() / 1000}  # fmt: skip
        assert row["volume_difference_cm3"] == pytest.approx(volumes[a])
    assert pair(project, "ftv", "stv_manual")["dice"] > 0
    assert told(project) == [("empty_mask", "warning", CASE, f"masks_stv_resunet/{CASE}.nii.gz")]


def test_a_mask_that_the_other_grid_does_not_show(project: Path, release: Path) -> None:
    """One voxel of 1 mm between the native voxel centres of 1.5 mm."""
    speck = np.zeros(FINE)
    speck[1, 1, 1] = 1
    put(release, "stv_manual", speck)
    rebuilt(project)
    row = pair(project, "ftv", "stv_manual")
    assert (row["dice"], row["b_voxel_count"]) == (None, 0)
    assert row["volume_ratio"] > 1  # volumes are of the files' own grids
    assert pair(project, "stv_manual", "stv_resunet")["dice"] > 0
    path = f"masks_stv_manual/{CASE}.nii.gz"
    assert told(project) == [("mask_lost_on_grid", "warning", CASE, path)]


def test_pairs_that_can_be_made_are_made(project: Path, release: Path) -> None:
    path = release / f"masks_stv_manual/{CASE}.nii.gz"
    path.write_bytes(path.read_bytes()[:-20])
    (release / "masks_stv_resunet/ISPY1_9002.nii.gz").unlink()
    rebuilt(project)
    assert pairs(project) == [("ftv", "stv_resunet")]
    assert pairs(project, "ISPY1_9002") == [("ftv", "stv_manual")]
    (finding,) = told(project)
    assert finding == ("gzip_truncated", "warning", CASE, f"masks_stv_manual/{CASE}.nii.gz")


def test_a_case_with_one_mask_has_no_pair(project: Path, release: Path) -> None:
    for name in DECLARED[1:]:
        (release / f"masks_{name}/{CASE}.nii.gz").unlink()
    put(release, "ftv", np.zeros(NATIVE), NATIVE_AFFINE)
    rebuilt(project)
    assert pairs(project) == []
    assert told(project) == []


def test_a_release_without_masks(project: Path, release: Path) -> None:
    for folder in release.glob("masks_*"):
        shutil.rmtree(folder)
    assert rebuilt(project).rows == 0


def test_real_mask_alone_has_no_pair(project: Path, real: Path) -> None:
    set_params(project / "params.yaml", {"profile": "ispy1_tcia"})
    params.cache_clear()
    name = "masks_stv_manual/ISPY1_1002.nii.gz"
    (project / "data/release" / name).parent.mkdir()
    shutil.copy(real / "NIfTI-Files" / name, project / "data/release" / name)
    assert rebuilt(project).rows == 0


def test_the_real_mask_against_itself_moved(project: Path, real: Path) -> None:
    """One voxel along x: 1 mm, and a Dice that follows from the real shape."""
    set_params(project / "params.yaml", {"profile": "ispy1_tcia"})
    params.cache_clear()
    name = "masks_stv_manual/ISPY1_1002.nii.gz"
    target = project / "data/release" / name
    target.parent.mkdir()
    shutil.copy(real / "NIfTI-Files" / name, target)
    image = by_nibabel(target)
    voxels = np.roll(np.asarray(image.dataobj.get_unscaled()), 1, axis=0)
    write_nifti(target.parents[1] / "masks_mine/ISPY1_1002.nii.gz", voxels, image.affine)
    rebuilt(project)
    row = pair(project, "stv_manual", "mine", "ISPY1_1002")
    assert (row["grid"], row["carried_mask"]) == ("1mm", None)
    assert (row["a_voxel_count"], row["b_voxel_count"]) == (5091, 5091)
    both = int(((voxels != 0) & (np.roll(voxels, -1, axis=0) != 0)).sum())
    assert row["dice"] == both / 5091
    assert row["centroid_distance_mm"] == pytest.approx(1, abs=1e-6)
    assert row["hausdorff_mm"] == pytest.approx(1, abs=1e-6)


# --- building ------------------------------------------------------------------------------------


def test_only_the_case_that_changed_is_measured_again(project: Path, release: Path) -> None:
    assert rebuilt(project).measured == 2
    before = rows(project, "mask_agreement")
    put(release, "stv_manual", mask_voxels(9001, "stv_resunet"))
    assert rebuilt(project).measured == 1
    after = rows(project, "mask_agreement")
    assert [r for r in after if r["case_id"] != CASE] == [r for r in before if r["case_id"] != CASE]
    assert pair(project, "stv_manual", "stv_resunet")["dice"] == 1
    assert rebuilt(project).measured == 0
    shutil.rmtree(project / ".dvc/tmp")
    assert rebuilt(project).measured == 0  # the table itself holds them


def test_one_file_under_two_names(project: Path, release: Path) -> None:
    shutil.copy(
        release / f"masks_stv_manual/{CASE}.nii.gz", release / f"masks_stv_resunet/{CASE}.nii.gz"
    )
    rebuilt(project)
    row = pair(project, "stv_manual", "stv_resunet")
    assert row["a_blob_md5"] == row["b_blob_md5"]
    assert (row["dice"], row["assd_mm"], row["volume_ratio"]) == (1, 0, 1)
