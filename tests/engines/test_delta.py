"""Delta tables: a version of each table is what a revision changed, and polars travels to it."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import made
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from history import begin, commit, git, keep, write_masks
from made import small
from support import ROOT
from typer.testing import CliRunner

import etl
from engines.conftest import need
from etl.cli import app
from etl.model.digests import compute_md5
from etl.model.errors import UserError
from etl.model.project import TABLES
from etl.model.store import part_path, read_table, table_path, write_table
from etl.tables import masks
from etl.warehouse.delta import VERSIONS, export_delta
from etl.warehouse.export import hold_folder

need("deltalake")

CHANGED, SAME = "ISPY1_9002", "ISPY1_9001"
DIES = """
import os, signal, sys
from pathlib import Path
from etl.warehouse import delta

commit = delta._commit

def die(source, *words):
    if source.name == sys.argv[3]:
        os.kill(os.getpid(), signal.SIGKILL)
    commit(source, *words)

delta._commit = die
delta.export_delta(Path(sys.argv[1]), Path(sys.argv[2]))
"""


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """In v2 another volume of a mask, another voxel of a case, and a column more in outcomes."""
    root = small.make_project(tmp_path_factory.mktemp("delta") / "p", views=())
    (root / ".dvc" / "config").write_text("[core]\n    analytics = false\n")
    (root / "data" / "release").mkdir()
    begin(root)
    for tag, volume in (("v1", 5.0), ("v2", 6.0)):
        write_masks(root, volume)
        if tag == "v2":
            edit_voxel(root)
            add_column(root)
        keep(root, f"{TABLES}: {{persist: true}}")
        commit(root, tag)
    return root


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = small.make_project(tmp_path / "p", views=())
    write_masks(root, 5.0)
    return root


def rewrite(path: Path, table: pa.Table) -> None:
    path.unlink()
    pq.write_table(table, path)


def edit_voxel(root: Path) -> None:
    path = part_path(root / TABLES, "voxels", CHANGED)
    table = pq.ParquetFile(path).read()
    z0 = table.column_names.index("z0")
    rewrite(path, table.set_column(z0, "z0", pa.array([9.5] * len(table), pa.float32())))


def add_column(root: Path) -> None:
    path = table_path(root / TABLES, "outcomes")
    table = pq.ParquetFile(path).read()
    rewrite(path, table.append_column("site", pa.array(["north"] * len(table))))


def rows_of(frame: pl.DataFrame) -> Counter[str]:
    """Rows without an order; a list of values is a list in each engine."""
    return Counter(map(repr, frame.rows()))


def warehouse_rows(root: Path, table: str) -> Counter[str]:
    return rows_of(etl.connect(root).sql(f"from {table}").pl())


def read(lake: Path, table: str, version: int | None = None) -> pl.DataFrame:
    return pl.scan_delta(str(lake / table), version=version).collect()


def actions(lake: Path, table: str, version: int) -> Counter[tuple[str, str]]:
    """Adds and removes of a version, and the partition of each."""
    log = (lake / table / "_delta_log" / f"{version:020}.json").read_text()
    pairs = (pair for line in log.splitlines() for pair in json.loads(line).items())
    return Counter(
        (kind, action["partitionValues"].get("case_id", ""))
        for kind, action in pairs
        if kind in ("add", "remove")
    )


def test_the_first_export_holds_the_tables(project: Path, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    exported = export_delta(project, lake)
    names = {path.stem for path in (project / TABLES).glob("*.parquet")} | {"voxels"}
    assert {(e.table, e.version, e.is_new) for e in exported} == {(n, 0, True) for n in names}
    db = etl.connect(project)
    for name in names:
        frame = read(lake, name)
        expected = db.sql(f"from {name}").pl()
        assert frame.schema == expected.schema, name
        assert rows_of(frame) == rows_of(expected), name


def test_what_tables_and_columns_mean_is_kept(project: Path, tmp_path: Path) -> None:
    from deltalake import DeltaTable

    export_delta(project, tmp_path / "lake")
    for name in ("masks", "voxels"):
        table = DeltaTable(tmp_path / "lake" / name)
        assert table.metadata().description.startswith("Grain: One row per ")
        assert all(field.metadata["comment"] for field in table.schema().fields)


def test_another_meaning_takes_the_place_of_the_old(project: Path, tmp_path: Path) -> None:
    from deltalake import DeltaTable

    export_delta(project, tmp_path / "lake")
    rows = read_table(table_path(project / TABLES, "masks"))
    path = table_path(project / TABLES, "masks")
    write_table(replace(masks.TABLE, grain="One row per outline"), rows, path, meta=made.META)
    export_delta(project, tmp_path / "lake")
    table = DeltaTable(tmp_path / "lake" / "masks")
    assert table.metadata().description.startswith("Grain: One row per outline.")
    assert table.history(1)[0]["ispy1.md5"] == compute_md5(path)


def test_an_unchanged_table_gets_no_version(project: Path, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    export_delta(project, lake)
    files = sorted(lake.rglob("*.*"))
    assert not any(exported.is_new for exported in export_delta(project, lake))
    assert sorted(lake.rglob("*.*")) == files
    (project / "splits.csv").write_text((project / "splits.csv").read_text() + "ISPY1_9002,1,,,\n")
    assert not any(exported.is_new for exported in export_delta(project, lake))


def test_a_changed_case_replaces_its_partition_alone(project: Path, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    export_delta(project, lake)
    edit_voxel(project)
    assert [e.table for e in export_delta(project, lake) if e.is_new] == ["voxels"]
    assert actions(lake, "voxels", 1) == {("add", CHANGED): 1, ("remove", CHANGED): 1}
    assert rows_of(read(lake, "voxels")) == warehouse_rows(project, "voxels")

    shutil.rmtree(part_path(project / TABLES, "voxels", CHANGED).parent)
    export_delta(project, lake)
    assert actions(lake, "voxels", 2) == {("remove", CHANGED): 1}
    assert set(read(lake, "voxels")["case_id"]) == {SAME}


def test_what_sql_adds_to_a_table_is_a_change_of_it(project: Path, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    export_delta(project, lake)
    path = project / "expectations" / "known_issues.csv"
    header, *issues = path.read_text().splitlines()
    path.write_text("\n".join([header, *issues[1:]]) + "\n")
    changed = {e.table for e in export_delta(project, lake) if e.is_new}
    assert changed == {"cases", "findings"}
    for name in changed:
        assert rows_of(read(lake, name)) == warehouse_rows(project, name)


def test_polars_travels_to_each_revision(past: Path, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    for rev in ("v1", "v2", "v2"):
        export_delta(past, lake, rev=rev)
    with (lake / VERSIONS).open(newline="") as file:
        listed = list(csv.DictReader(file))
    versions = {(row["revision"], row["table"]): int(row["version"]) for row in listed}
    assert len(versions) == len(listed)
    grown = {"masks", "voxels", "outcomes"}
    assert {table for (rev, table), number in versions.items() if number == 1} == grown
    warehouses = {rev: etl.connect(past, rev=rev) for rev in ("v1", "v2")}
    for (rev, table), number in versions.items():
        expected = rows_of(warehouses[rev].sql(f"from {table}").pl())
        assert rows_of(read(lake, table, number)) == expected, (rev, table)
    assert actions(lake, "voxels", 1) == {("add", CHANGED): 1, ("remove", CHANGED): 1}
    assert ["site" in read(lake, "outcomes", number).columns for number in (0, 1)] == [False, True]

    files = set(lake.rglob("*.parquet"))
    assert {e.table for e in export_delta(past, lake, rev="v1") if e.version == 2} == grown
    assert set(lake.rglob("*.parquet")) == files
    assert rows_of(read(lake, "voxels")) == rows_of(warehouses["v1"].sql("from voxels").pl())


def test_a_commit_names_its_revision_and_its_file(past: Path, tmp_path: Path) -> None:
    from deltalake import DeltaTable

    export_delta(past, tmp_path / "lake", rev="v1")
    (entry,) = DeltaTable(tmp_path / "lake" / "masks").history()
    assert entry["ispy1.revision"] == "v1"
    assert entry["ispy1.commit"] == git(past, "rev-parse", "v1").strip()
    listed = next((past / ".dvc/cache/files/md5").rglob(entry["ispy1.md5"][2:]))
    assert listed.read_bytes()[:4] == b"PAR1"


@pytest.mark.parametrize("table", ["masks", "voxels"])
def test_a_killed_export_leaves_tables_that_can_be_read(
    project: Path, tmp_path: Path, table: str
) -> None:
    lake = tmp_path / "lake"
    export_delta(project, lake)
    before = {name: rows_of(read(lake, name)) for name in ("masks", "voxels")}
    write_masks(project, 6.0)
    edit_voxel(project)
    for folder in (lake, tmp_path / "fresh"):
        words = [sys.executable, "-c", DIES, str(project), str(folder), table]
        assert subprocess.run(words, cwd=ROOT, check=False).returncode == -9
    assert rows_of(read(lake, table)) == before[table]
    for folder in (lake, tmp_path / "fresh"):
        export_delta(project, folder)
        for name in before:
            assert rows_of(read(folder, name)) == warehouse_rows(project, name)


def test_a_second_export_at_the_same_time_is_refused(project: Path, tmp_path: Path) -> None:
    with hold_folder(tmp_path / "lake"), pytest.raises(UserError, match="another export writes"):
        export_delta(project, tmp_path / "lake")


def test_what_lies_in_the_folder_is_respected(project: Path, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    (lake / "masks").mkdir(parents=True)
    (lake / "masks" / "mine.nii").write_text("mine")
    with pytest.raises(UserError, match=r"holds masks\. Name .* or add --force"):
        export_delta(project, lake)
    with pytest.raises(UserError, match="is not written over"):
        export_delta(project, project / "data")


def test_the_command(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    command = ["export", str(tmp_path / "lake"), "--table-format"]

    def say(*words: str) -> Any:  # noqa: ANN401  click's Result
        return CliRunner().invoke(app, [*command, *words])

    assert "masks version 0\n" in say("delta").output
    assert "masks version 0 (unchanged)\n" in say("delta").output
    assert "expected delta" in str(say("hudi").exception)
    monkeypatch.setitem(sys.modules, "deltalake", None)
    assert "Run `pip install deltalake`" in str(say("delta").exception)
