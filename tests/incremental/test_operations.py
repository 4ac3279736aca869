"""Cases come, go, change and swap names in any order: the tables are those of a fresh build."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from support import (
    CASES,
    NATIVE_AFFINE,
    build,
    build_table,
    findings,
    make_project,
    make_release,
    mask_voxels,
    n3_image,
    table_bytes,
    write_manifest,
    write_nifti,
)

from etl.build.index import write_indexes

IMAGES = "images_bias-corrected_nifti"
MASKS = ("masks_ftv", "masks_stv_manual", "masks_mine")
IDS = [f"ISPY1_{number}" for number in range(9001, 9005)]
# (operation, case, other case, content)
OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(["add", "change", "remove", "rename", "swap", "damage", "manifest"]),
        st.sampled_from(IDS), st.sampled_from(IDS), st.integers(0, 3),
    ),
    min_size=2, max_size=4,
)  # fmt: skip


def blobs(case: str) -> list[str]:
    """One image and three masks: enough for every table to depend on."""
    return [f"{IMAGES}/{case}/{case}_DCE_0000_N3.nii.gz", *(f"{m}/{case}.nii.gz" for m in MASKS)]


def write_case(release: Path, case: str, content: int) -> None:
    write_nifti(release / blobs(case)[0], n3_image(content, 0), NATIVE_AFFINE, scl_slope=0)
    write_nifti(release / blobs(case)[1], mask_voxels(content, "ftv"), NATIVE_AFFINE, scl_slope=1)
    write_nifti(release / blobs(case)[2], mask_voxels(content, "stv_manual"), forms="q")
    write_nifti(release / blobs(case)[3], mask_voxels(content, "stv_resunet"), forms="q")


def operate(release: Path, operation: str, case: str, other: str, content: int) -> None:
    one = [release / path for path in blobs(case)]
    two = [release / path for path in blobs(other)]
    if operation == "add":
        write_case(release, case, content)
    elif operation == "change":  # one mask
        write_nifti(one[1], mask_voxels(content, "ftv"), NATIVE_AFFINE, scl_slope=1)
    elif operation == "remove":
        for path in one:
            path.unlink(missing_ok=True)
    elif operation == "rename":
        for source, target in zip(one, two, strict=True):
            rename(source, target)
    elif operation == "swap":
        swap(one[2], two[2])
    elif operation == "damage":
        damage(one[1])
    else:
        write_manifest(release)


def rename(source: Path, target: Path) -> None:
    if source.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        source.rename(target)


def damage(path: Path) -> None:
    if path.exists():
        path.write_bytes(path.read_bytes()[:-5] + b"false")


def swap(one: Path, two: Path) -> None:
    if one.exists() and two.exists() and one != two:
        first, second = one.read_bytes(), two.read_bytes()
        one.write_bytes(second)
        two.write_bytes(first)


def from_nothing(root: Path, target: Path, workers: int = 1) -> dict[str, bytes]:
    """The tables of a project that never saw another version of this release."""
    make_project(target)
    shutil.copytree(root / "data/release", target / "data/release", dirs_exist_ok=True)
    build(target, workers)
    return table_bytes(target)


NUMBER = itertools.count()


@pytest.fixture(scope="session")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Workbooks, and two cases of four blobs."""
    root = make_project(tmp_path_factory.mktemp("begun") / "project")
    release = make_release(root / "data/release")
    for folder in [*release.glob("images_*"), *release.glob("masks_*")]:
        shutil.rmtree(folder)
    for case in CASES:
        write_case(release, case, int(case[-1]))
    write_manifest(release)
    build(root)
    return root


# No shrinking: each example is several builds.
@settings(max_examples=5, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(operations=OPERATIONS)
def test_any_history_leads_to_the_fresh_build(
    begun: Path, tmp_path: Path, operations: list[tuple[str, str, str, int]]
) -> None:
    root = tmp_path / f"{next(NUMBER)}"
    shutil.copytree(begun, root)
    for operation in operations:
        operate(root / "data/release", *operation)
        build(root)
    fresh = from_nothing(root, tmp_path / f"{next(NUMBER)}")
    assert table_bytes(root) == fresh


def test_many_workers_and_one_come_to_the_same(begun: Path, tmp_path: Path) -> None:
    root = tmp_path / "project"
    shutil.copytree(begun, root)
    for case in ("ISPY1_9003", "ISPY1_9004"):
        operate(root / "data/release", "add", case, case, 3)
    operate(root / "data/release", "rename", "ISPY1_9001", "ISPY1_9002", 0)
    build(root)
    assert table_bytes(root) == from_nothing(root, tmp_path / "fresh", workers=2)


def test_two_contents_in_turn(begun: Path, tmp_path: Path) -> None:
    """A to B and back to A, and to B again: each is measured once."""
    root = tmp_path / "project"
    shutil.copytree(begun, root)
    release, case = root / "data/release", "ISPY1_9001"
    seen: dict[int, bytes] = {}
    measured = []
    for content in (2, 3, 2, 3):
        write_nifti(
            release / blobs(case)[1],
            mask_voxels(content, "ftv"),
            NATIVE_AFFINE,
            xyzt_units=2 + content,
        )
        write_indexes(root)
        measured.append(build_table(root, "masks", workers=1).measured)
        now = table_bytes(root)["data/tables/masks.parquet"]
        assert seen.setdefault(content, now) == now
    assert measured == [1, 1, 0, 0]


def test_links_out_of_the_release_are_told_apart(begun: Path, tmp_path: Path) -> None:
    """They share the place of an MD5; each has its own finding, and none gets another's row."""
    root = tmp_path / "project"
    shutil.copytree(begun, root)
    for number, case in enumerate(CASES):
        path = root / "data/release" / blobs(case)[1]
        path.rename(tmp_path / f"outside{number}.nii.gz")
        path.symlink_to(tmp_path / f"outside{number}.nii.gz")
    build(root)
    again = table_bytes(root)
    build(root)
    assert table_bytes(root) == again
    told = {
        row["observed"]
        for row in findings(root, table="masks")
        if row["check"] == "link_leaves_release"
    }
    assert len(told) == 2
