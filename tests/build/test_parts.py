"""Files per case: written where they changed, and never lost or mixed up."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support import CASES, build_table, mask_voxels, md5, rows, table_bytes, write_nifti

from etl.build import parts
from etl.build.index import write_indexes
from etl.model.store import list_parts, part_path, write_atomically

CASE, OTHER = CASES
MANUAL = "masks_stv_manual/{}.nii.gz"


def rebuild(root: Path) -> int:
    """Return how many cases were measured."""
    write_indexes(root)
    return build_table(root, "voxel_files", workers=1).measured


def stamps(root: Path) -> dict[str, int]:
    files = list_parts(root / "data/tables", "voxels")
    return {case: path.stat().st_ino for case, path in files.items()}


def check_files(root: Path) -> None:
    """Every file is the one that is listed, and no other is there."""
    listed = {row["case_id"]: row["part_md5"] for row in rows(root, "voxel_files")}
    here = list_parts(root / "data/tables", "voxels")
    assert {case: md5(path) for case, path in here.items()} == listed
    assert not (root / ".dvc/tmp/ispy1/parts").exists()


def test_only_the_file_of_a_changed_case_is_written(rebuilt: Path) -> None:
    before = stamps(rebuilt)
    write_nifti(rebuilt / "data/release" / MANUAL.format(CASE), mask_voxels(3, "stv_manual"))
    assert rebuild(rebuilt) == 1
    after = stamps(rebuilt)
    assert after[CASE] != before[CASE]
    assert after[OTHER] == before[OTHER]
    check_files(rebuilt)


def test_a_case_that_goes_takes_its_file(rebuilt: Path) -> None:
    for path in (rebuilt / "data/release").rglob(f"*{CASE}*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert rebuild(rebuilt) == 0
    assert list(stamps(rebuilt)) == [OTHER]
    check_files(rebuilt)


def test_two_cases_that_change_places_are_not_measured(rebuilt: Path) -> None:
    release = rebuilt / "data/release"
    before = table_bytes(rebuilt)
    for one in list(release.rglob(f"*{CASE}*.gz")):
        two = Path(str(one).replace(CASE, OTHER))
        content = one.read_bytes()
        one.write_bytes(two.read_bytes())
        two.write_bytes(content)
    assert rebuild(rebuilt) == 0
    check_files(rebuilt)
    after = table_bytes(rebuilt)
    first, second = (f"data/tables/voxels/case_id={case}/voxels.parquet" for case in CASES)
    assert (after[first], after[second]) == (before[second], before[first])


@pytest.mark.parametrize(
    "harm",
    [lambda path: path.unlink(), lambda path: path.write_bytes(b"no"),
     lambda path: shutil.rmtree(path.parent)],
)  # fmt: skip
def test_a_file_that_is_lost_or_edited_is_made_again(
    built: Path, rebuilt: Path, harm: Callable[[Path], object]
) -> None:
    harm(part_path(rebuilt / "data/tables", "voxels", CASE))
    assert rebuild(rebuilt) == 1
    assert table_bytes(rebuilt) == table_bytes(built)


def test_a_file_that_dvc_keeps_is_taken_from_there(built: Path, rebuilt: Path) -> None:
    path = part_path(rebuilt / "data/tables", "voxels", CASE)
    content = md5(path)
    kept = rebuilt / ".dvc/cache/files/md5" / content[:2] / content[2:]
    kept.parent.mkdir(parents=True, exist_ok=True)
    path.rename(kept)
    assert rebuild(rebuilt) == 0
    assert table_bytes(rebuilt) == table_bytes(built)


def test_a_build_that_ends_between_two_files_is_gone_on_with(
    rebuilt: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cases were measured, one file is in place, and the table that lists them is the old one."""
    for number, case in enumerate(CASES, 3):
        path = rebuilt / "data/release" / MANUAL.format(case)
        write_nifti(path, mask_voxels(number, "stv_manual"))
    write = write_atomically
    written: list[Path] = []

    def end_at_the_second(path: Path, how: Callable[[Path], object]) -> None:
        if "data/tables" in str(path):
            if written:
                raise KeyboardInterrupt
            written.append(path)
        write(path, how)

    with monkeypatch.context() as patch:
        patch.setattr(parts, "write_atomically", end_at_the_second)
        with pytest.raises(KeyboardInterrupt):
            rebuild(rebuilt)
    assert len(written) == 1
    assert rebuild(rebuilt) == 0
    check_files(rebuilt)
