"""SIGKILL at every step of a write, and in the middle of the measuring."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from support import (
    FINE,
    ROOT,
    ball,
    build_table,
    make_project,
    mask_voxels,
    table_bytes,
    write_nifti,
)

from etl.build.index import write_indexes
from etl.model.store import write_atomically

FTV = "data/release/masks_ftv/ISPY1_9001.nii.gz"


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_at_every_step_of_a_write(rebuilt: Path) -> None:
    write_nifti(rebuilt / FTV, mask_voxels(2, "ftv"))
    write_indexes(rebuilt)
    command = [sys.executable, "-m", "crash.at_every_line", str(rebuilt)]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    seen = json.loads(done.stdout)
    assert seen["torn"] == 0
    assert seen["not recovered"] == 0
    # It did what it says: many kills, before and after the rename, and some left their traces.
    assert seen["killed"] > 30
    assert seen["old"] > 10
    assert seen["new"] > 0
    assert seen["left"] > 5


SLOW = """
import sys, time
from pathlib import Path
from etl.build import run
from etl.tables import masks
quick = masks.measure
def slow(unit, context):
    time.sleep(0.2)
    return quick(unit, context)
masks.measure = slow
run.build_tables(Path(sys.argv[1]), ["masks"], 1, lambda done, _: print(done, flush=True))
"""


def test_killed_while_it_measures(tmp_path: Path) -> None:
    """After k of N units, N-k are left, and what was measured within the last second."""
    root = make_project(tmp_path / "project")
    total, killed_after = 16, 12
    for number in range(total):
        voxels = ball(FINE, (9, 7, 8), 2 + number / 5).astype(np.uint8)
        voxels[0, 0, 0] = number
        write_nifti(root / f"data/release/masks_stv_manual/ISPY1_{9001 + number}.nii.gz", voxels)
    write_indexes(root)
    build_table(root, "images", workers=1)
    with subprocess.Popen(
        [sys.executable, "-c", SLOW, str(root)],
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as builder:
        assert builder.stdout is not None
        for line in builder.stdout:
            if int(line) == killed_after:
                builder.kill()
                break
    assert not (root / "data/tables/masks.parquet").exists()
    resumed = build_table(root, "masks", workers=1)
    assert resumed.units == total
    assert total - killed_after <= resumed.measured <= total - killed_after + 1 / 0.2 + 1
    table = table_bytes(root)["data/tables/masks.parquet"]
    shutil.rmtree(root / ".dvc/tmp")
    (root / "data/tables/masks.parquet").unlink()
    assert build_table(root, "masks", workers=1).measured == total
    assert table_bytes(root)["data/tables/masks.parquet"] == table


HALF = """
import os, signal, sys
from pathlib import Path
from etl.model.store import write_atomically
def half(target):
    target.write_text("half")
    print("writing", flush=True)
    sys.stdin.readline()
write_atomically(Path(sys.argv[1]), half)
"""


def test_temporary_files_of_the_dead_are_removed_and_those_of_the_living_are_not(
    project: Path,
) -> None:
    target = project / "data/tables/masks.parquet"
    scratch = project / ".dvc/tmp/ispy1"
    with subprocess.Popen(
        [sys.executable, "-c", HALF, str(target)], env=environment(), text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as writer:  # fmt: skip
        assert writer.stdout is not None
        assert writer.stdout.readline() == "writing\n"
        write_atomically(target, lambda path: path.write_text("mine"))
        assert len(list(scratch.glob("masks.parquet.*"))) == 1  # the living one's
        writer.kill()
    assert len(list(scratch.glob("masks.parquet.*"))) == 1
    write_atomically(target.with_name("images.parquet"), lambda path: path.write_text("other"))
    assert len(list(scratch.glob("masks.parquet.*"))) == 1  # not its own
    write_atomically(target, lambda path: path.write_text("again"))
    assert list(scratch.glob("*.parquet.*")) == []
    assert target.read_text() == "again"


def test_a_users_own_file_beside_an_export_is_no_temporary_file(tmp_path: Path) -> None:
    mine = tmp_path / "out.csv.backup"
    mine.write_text("mine")
    write_atomically(tmp_path / "out.csv", lambda path: path.write_text("new"))
    assert mine.read_text() == "mine"
    assert {path.name for path in tmp_path.iterdir()} == {"out.csv", "out.csv.backup"}


def test_the_lock_of_a_killed_builder_is_free(rebuilt: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from etl.model.store import build_lock\n"
        "with build_lock(Path(sys.argv[1]), print):\n"
        "    print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(rebuilt)], env=environment(), stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        holder.kill()
    start = time.monotonic()
    build_table(rebuilt, "masks", workers=1)
    assert time.monotonic() - start < 5
