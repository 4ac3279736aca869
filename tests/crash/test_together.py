"""Two builds of one table, and readers while it is written."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import duckdb
import pytest
from support import ROOT, build_table, mask_voxels, rows, table_bytes, write_nifti

from etl.build.index import write_indexes
from etl.build.run import Built
from etl.model import locks
from etl.model.store import build_lock, table_path, write_table
from etl.tables import masks
from etl.tables.unit import Blob, Context, Measured
from etl.warehouse.snapshot import take_working_tree

FTV = "data/release/masks_ftv/ISPY1_9001.nii.gz"


def test_the_second_builder_waits_and_reuses(
    rebuilt: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_nifti(rebuilt / FTV, mask_voxels(2, "ftv"))
    write_indexes(rebuilt)
    monkeypatch.setattr(locks, "PATIENCE_S", 0.1)
    measuring, measure = threading.Event(), masks.measure
    said: list[str] = []
    built: list[Built] = []

    def slow(unit: tuple[Blob, ...], context: Context) -> Measured:
        measuring.set()
        time.sleep(0.5)
        return measure(unit, context)

    monkeypatch.setattr(masks, "measure", slow)
    first = threading.Thread(
        target=lambda: built.append(build_table(rebuilt, "masks", 1, say=said.append))
    )
    first.start()
    measuring.wait(10)
    built.append(build_table(rebuilt, "masks", 1, say=said.append))
    first.join()
    assert [did.measured for did in built] == [1, 0]
    assert said == [f"tables: waiting for process {os.getpid()}, which builds the tables"]
    write_indexes(rebuilt)
    before = table_bytes(rebuilt)
    build_table(rebuilt, "masks", 1, reuse=False)
    assert table_bytes(rebuilt) == before


def test_the_command_says_for_whom_it_waits(rebuilt: Path) -> None:
    silence: list[str] = []
    command = [
        sys.executable,
        "-c",
        "from etl.cli import main; main()",
        "tables",
        "--force",
        "masks",
    ]
    with build_lock(rebuilt, silence.append):
        waiting = subprocess.Popen(
            command, cwd=rebuilt, env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert waiting.stderr is not None
        line = waiting.stderr.readline()
        assert waiting.poll() is None
    out, _ = waiting.communicate(timeout=30)
    assert waiting.returncode == 0
    assert line == f"ispy1: tables: waiting for process {os.getpid()}, which builds the tables\n"
    assert "masks: 6 rows" in out
    assert silence == []


def test_readers_see_each_table_whole(rebuilt: Path) -> None:
    """Version n of the table has n rows, all of volume n: a mixture of two would show.

    DuckDB opens a file twice, for its footer and for its rows, so a reader holds the files that
    were there when it connected.
    """
    (row,) = rows(rebuilt, "masks")[:1]
    path, stop = table_path(rebuilt / "data/tables", "masks"), threading.Event()
    versions = [
        [{**row, "case_id": f"ISPY1_{9000 + i}", "volume_cm3": float(n)} for i in range(n)]
        for n in (50, 2000, 1)
    ]
    meta = {"recipe": "r", "licence": "CC0", "attribution": "a", "dataset": "d", "is_phantom": True}

    def write() -> None:
        while not stop.is_set():
            for version in versions:
                write_table(masks.TABLE, version, path, meta=meta)

    write_table(masks.TABLE, versions[0], path, meta=meta)
    writer = threading.Thread(target=write)
    writer.start()
    seen: dict[int, int] = {}
    reader = duckdb.connect()
    query = "select count(*), min(volume_cm3), max(volume_cm3), count(distinct case_id) from "
    try:
        until = time.monotonic() + 2
        while time.monotonic() < until:
            held = take_working_tree(rebuilt).tables["masks"]
            for _ in range(3):
                n, least, most, cases = reader.execute(f"{query} '{held}'").fetchall()[0]
                assert (least, most, cases) == (n, n, n)
                seen[n] = seen.get(n, 0) + 1
    finally:
        stop.set()
        writer.join()
    assert set(seen) == {1, 50, 2000}
