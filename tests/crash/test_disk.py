"""A disk that is full, forbidden or damaged: one sentence, and the old table stays."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support import ROOT, build, build_table, mask_voxels, table_bytes, write_nifti

from etl.build.index import write_indexes
from etl.model.errors import UserError
from etl.model.store import read_table

FTV = "data/release/masks_ftv/ISPY1_9001.nii.gz"
MASKS = "data/tables/masks.parquet"
ISPY1 = f"'{sys.executable}' -c 'from etl.cli import main; main()'"


def run(command: str, root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", command], cwd=root, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "ISPY1_WORKERS": "1"},
    )  # fmt: skip


def is_one_sentence(done: subprocess.CompletedProcess[str]) -> bool:
    """Exit code 2 and one line for a person: what, where, why, what to do."""
    lines = done.stderr.splitlines()
    return done.returncode == 2 and len(lines) == 1 and lines[0].startswith("ispy1: ")


@pytest.fixture
def edited(rebuilt: Path) -> Path:
    """A project whose masks must be built again."""
    write_nifti(rebuilt / FTV, mask_voxels(2, "ftv"))
    write_indexes(rebuilt)
    return rebuilt


def test_larger_than_files_may_be(rebuilt: Path) -> None:
    """The kernel's limit stands for a full disk: the write itself fails, part way."""
    (rebuilt / MASKS).unlink()
    before = table_bytes(rebuilt)
    done = run(f"ulimit -f 16; {ISPY1} tables masks", rebuilt)
    assert is_one_sentence(done), done.stderr
    # What is written first fails: the table, or what DVC knows of files.
    assert "File too large" in done.stderr or "disk I/O error" in done.stderr
    assert table_bytes(rebuilt) == before
    assert list((rebuilt / ".dvc/tmp/ispy1").glob("*.parquet.*")) == []
    assert build_table(rebuilt, "masks", workers=1).rows == 6


def powerless() -> str:
    """Words before a command that take root's right to write everywhere."""
    if os.geteuid() != 0:
        return ""
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv is not installed: root writes everywhere")
    return "setpriv --bounding-set -dac_override,-dac_read_search "


@pytest.mark.parametrize("folder", ["data/tables", ".dvc/tmp/ispy1"])
def test_a_folder_that_may_not_be_written(edited: Path, folder: str) -> None:
    before = table_bytes(edited)
    for path in [edited / folder, *(edited / folder).glob("*")]:
        path.chmod(path.stat().st_mode & ~0o222)
    try:
        done = run(f"{powerless()}{ISPY1} tables masks", edited)
    finally:
        for path in [edited / folder, *(edited / folder).glob("*")]:
            path.chmod(path.stat().st_mode | 0o200)
    assert is_one_sentence(done), done.stderr
    assert "Permission denied" in done.stderr
    assert table_bytes(edited) == before
    assert build_table(edited, "masks", workers=1).rows == 6


def test_a_read_only_file_is_replaced(edited: Path) -> None:
    """A link into the cache (cache.type hardlink) is read-only: it is replaced, never written."""
    kept = edited / "kept"
    os.link(edited / MASKS, kept)
    kept.chmod(0o444)
    before = kept.read_bytes()
    build_table(edited, "masks", workers=1)
    assert kept.read_bytes() == before
    assert (edited / MASKS).read_bytes() != before


# --- a damaged table file ----------------------------------------------------------------------


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def garbage(path: Path) -> None:
    path.write_bytes(b"no table " * 1000)


def holed(path: Path) -> None:
    """The footer is whole, the columns are not."""
    content = bytearray(path.read_bytes())
    content[4 : len(content) // 3] = b"\xee" * (len(content) // 3 - 4)
    path.write_bytes(content)


@pytest.mark.parametrize("harm", [truncated, empty, garbage, holed])
def test_a_damaged_table_is_named_and_built_again(
    built: Path, rebuilt: Path, harm: Callable[[Path], None]
) -> None:
    harm(rebuilt / MASKS)
    with pytest.raises(UserError, match=r"masks\.parquet.*Run `ispy1 repro --force`"):
        read_table(rebuilt / MASKS)
    assert build_table(rebuilt, "masks", workers=1).measured == 0  # the unit store has them
    build(rebuilt)
    assert table_bytes(rebuilt) == table_bytes(built)


@pytest.mark.parametrize("harm", [truncated, garbage, holed])
def test_a_question_to_a_damaged_table(rebuilt: Path, harm: Callable[[Path], None]) -> None:
    harm(rebuilt / MASKS)
    done = run(f"{ISPY1} sql 'select sum(voxel_count), max(sphericity) from masks'", rebuilt)
    assert is_one_sentence(done), done.stderr
    assert "data/tables" in done.stderr
    assert "repro" in done.stderr
