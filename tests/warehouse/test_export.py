"""The export: needs nothing but itself, and says what it holds."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import duckdb
import pytest
from made.small import make_project
from support import ROOT

import etl
from etl.model.errors import UserError
from etl.warehouse.export import export
from etl.warehouse.views import read_sql


@pytest.fixture(scope="module")
def exported(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("export") / "made" / "out"
    for path in export(project, target, files=("json", "csv")):
        assert path.is_file()
    return target


def read_views(db: duckdb.DuckDBPyConnection, names: list[str]) -> dict[str, list[str]]:
    """The rows of each view, in an order of ours: not every view has one."""
    return {name: sorted(map(repr, db.execute(f"from {name}").fetchall())) for name in names}


def test_the_database_needs_no_other_file(exported: Path, tmp_path: Path) -> None:
    root = make_project(tmp_path / "p")
    names = sorted(read_sql(root / "sql" / "views"))
    expected = read_views(etl.connect(root), names)
    moved = tmp_path / "elsewhere.duckdb"
    shutil.copy(exported / "warehouse.duckdb", moved)
    shutil.rmtree(root)
    with duckdb.connect(str(moved), read_only=True) as db:
        db.execute("set enable_external_access = false")
        assert read_views(db, names) == expected
        sql = "select count(*) from duckdb_columns() where not internal and comment is null"
        assert db.execute(sql).fetchall() == [(0,)]


def test_parquet_files_are_the_tables(exported: Path, project: Path) -> None:
    tables = project / "data" / "tables"
    for table in tables.rglob("*.parquet"):
        copy = exported / "parquet" / table.relative_to(tables)
        assert copy.read_bytes() == table.read_bytes()


def test_the_dictionary_names_every_column(exported: Path, project: Path) -> None:
    text = (exported / "data_dictionary.md").read_text()
    assert "## masks (table)\n\nOne row per tumour mask. Key: case_id, mask." in text
    assert "| volume_cm3 | double | cm3 |" in text
    with (exported / "data_dictionary.csv").open() as file:
        rows = list(csv.DictReader(file))
    sql = "select count(*) from duckdb_columns() where not internal"
    of_macros = [row for row in rows if row["kind"] == "macro"]
    ((n_columns,),) = etl.connect(project).execute(sql).fetchall()
    assert n_columns == len(rows) - len(of_macros)
    assert {row["table"].partition("(")[0] for row in of_macros} == read_sql(
        ROOT / "sql/macros"
    ).keys()
    assert "| pe_min | parameter | percent |" in text
    assert all(row["meaning"] for row in rows)


def test_monai_list(exported: Path, project: Path) -> None:
    listed = json.loads((exported / "files.json").read_text())
    assert listed["numTraining"] == len(listed["training"]) == 3
    release = project / "data" / "phantom"
    assert listed["training"][0] == {
        "case_id": "ISPY1_9001",
        "image": [
            f"{release}/images_zscored/ISPY1_9001/ISPY1_9001_DCE_000{phase}.nii.gz"
            for phase in (0, 1, 2)
        ],
        "label": f"{release}/masks_stv_manual/ISPY1_9001.nii.gz",
        "fold": 3,
    }


def test_csv_list_has_every_case_and_own_masks(exported: Path) -> None:
    with (exported / "files.csv").open() as file:
        rows = {row["case_id"]: row for row in csv.DictReader(file)}
    assert len(rows) == 5
    assert rows["ISPY1_9004"]["mask_mine_path"].endswith("masks_mine/ISPY1_9004.nii.gz")
    assert rows["ISPY1_9005"]["mask_stv_manual_path"] == ""
    assert Path(rows["ISPY1_9001"]["image_n3_2_path"]).is_absolute()


def test_a_folder_that_holds_something_needs_force(
    project: Path, exported: Path, tmp_path: Path
) -> None:
    target = Path(shutil.copytree(exported, tmp_path / "out"))
    (target / "mine.txt").write_text("mine")
    (target / "files.csv").unlink()
    with pytest.raises(UserError, match="--force"):
        export(project, target)
    steps: list[tuple[int, int]] = []
    export(project, target, force=True, progress=lambda *step: steps.append(step))
    assert steps[-1] == (len(steps), len(steps) + 1)  # then the file of DuckDB
    assert (target / "mine.txt").read_text() == "mine"
    assert not (target / "files.csv").exists()


def test_nothing_built_says_what_to_do(tmp_path: Path) -> None:
    root = make_project(tmp_path / "p", views=())
    shutil.rmtree(root / "data" / "tables")
    with pytest.raises(UserError, match="ispy1 repro"):
        export(root, tmp_path / "out")
    assert not (tmp_path / "out").exists()
