"""Exports as others open them (drivers lag behind DuckDB), and two exports at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from made.small import make_project

from etl.model.errors import UserError
from etl.warehouse import connect, export
from etl.warehouse.views import read_sql

OLDEST = "1.2.0"  # of the clients that read the storage version which is written
READ_ALL = """
import sys; sys.path.insert(0, sys.argv[1]); import duckdb
assert duckdb.__version__ == sys.argv[2]
warehouse = duckdb.connect(sys.argv[3], read_only=True)
names = "select table_name from information_schema.tables where table_schema = 'main'"
for (name,) in warehouse.execute(names).fetchall():
    warehouse.execute(f'from "{name}"').fetchall()
    print(name)
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("export") / "project")


@pytest.fixture(scope="module")
def database(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("export") / "out"
    export.export(project, target)
    return target / export.DATABASE


def test_the_file_is_of_an_older_storage_version(database: Path) -> None:
    # Byte 12 of the header: 64 is that of DuckDB 1.0, 65 of 1.2, 67 of 1.4.
    assert int.from_bytes(database.read_bytes()[12:20], "little") == 65


def test_the_oldest_client_reads_every_table_and_view(
    database: Path, project: Path, tmp_path: Path
) -> None:
    client = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--retries=0"]
    client += ["--timeout=10", "--target", str(tmp_path), f"duckdb=={OLDEST}"]
    if subprocess.run(client, check=False, capture_output=True, timeout=120).returncode:
        pytest.skip(f"duckdb {OLDEST} cannot be installed here")
    asked = [sys.executable, "-c", READ_ALL, str(tmp_path), OLDEST, str(database)]
    done = subprocess.run(asked, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert set(read_sql(project / "sql" / "views")) <= set(done.stdout.split())


def test_two_exports_into_one_folder(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first_build, refusals = connect.build, []

    def build_twice(*given: Any, **named: Any) -> None:  # noqa: ANN401  as build()
        monkeypatch.setattr("etl.warehouse.export.build", first_build)
        with pytest.raises(UserError, match="another export writes here") as refused:
            export.export(project, tmp_path / "out", force=True)
        refusals.append(refused)
        first_build(*given, **named)

    monkeypatch.setattr("etl.warehouse.export.build", build_twice)
    export.export(project, tmp_path / "out")
    assert len(refusals) == 1
    assert not (tmp_path / "out" / export.LOCK).exists()
    with pytest.raises(UserError, match="not empty"):
        export.export(project, tmp_path / "out")
