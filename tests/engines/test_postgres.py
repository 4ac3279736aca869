"""Every view and macro in Postgres gives the rows that DuckDB gives, whatever its collation."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engines.conftest import MACROS, NOT_BUILT, QUESTIONS, Exports, check_equal, need
from etl.warehouse.dialects.postgres import NAME_BYTES

PROGRAMS = ("initdb", "postgres", "pg_isready", "psql")
WAIT_S = 60
Words = list[str | Path]


def find_server() -> Path | None:
    """Return the folder of the server's programs: on the path, or where Debian puts them."""
    on_path = shutil.which("postgres")
    folders = [Path(on_path).resolve().parent] if on_path else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((f for f in folders if all((f / name).is_file() for name in PROGRAMS)), None)


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[Path, Path]]:
    """A server of an ordinary user on a socket: its programs, and the folder of the socket."""
    programs = find_server()
    if programs is None:
        pytest.skip("Postgres is not installed: neither on the path nor in /usr/lib/postgresql")
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    user: dict[str, Any] = {"user": "nobody", "group": "nogroup"} if os.geteuid() == 0 else {}
    if user:
        shutil.chown(folder, **user)
    data = folder / "data"
    # Not the order of bytes, that the warehouse has.
    words = ["--locale-provider=icu", "--icu-locale=en-US", "--encoding=UTF8", "--no-sync"]
    initdb: list[str | Path] = [
        programs / "initdb",
        "-D",
        data,
        "-A",
        "trust",
        "-U",
        "ispy1",
        *words,
    ]
    subprocess.run(initdb, check=True, capture_output=True, cwd=folder, **user)
    options: Words = ["-c", "listen_addresses=", "-c", "fsync=off", "-k", folder]
    postgres = subprocess.Popen(
        [programs / "postgres", "-D", data, *options], cwd=folder, stderr=subprocess.DEVNULL, **user
    )
    try:
        _wait_for(programs, folder)
        yield programs, folder
    finally:
        postgres.terminate()
        postgres.wait()
        shutil.rmtree(folder)


def _wait_for(programs: Path, folder: Path) -> None:
    end = time.monotonic() + WAIT_S
    while subprocess.run([programs / "pg_isready", "-q", "-h", folder], check=False).returncode:
        assert time.monotonic() < end, "Postgres does not start"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def db(server: tuple[Path, Path], exports: Exports) -> Iterator[Any]:
    """A connection to a database with both exports, in schemas of their names."""
    psycopg = need("psycopg")
    programs, folder = server
    login: Words = ["-h", folder, "-U", "ispy1", "-d", "postgres"]
    for name, target in zip(("phantom", "small"), exports.write("postgres"), strict=True):
        words = ["-v", f"schema={name}", "-f", "views.postgres.sql"]
        done = subprocess.run(
            [programs / "psql", "-q", "-X", *login, *words],
            cwd=target,
            text=True,
            capture_output=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
    with psycopg.connect(host=str(folder), user="ispy1", dbname="postgres") as connection:
        yield connection


@pytest.mark.parametrize("question", QUESTIONS)
def test_rows_are_those_of_duckdb(db: Any, exports: Exports, question: str) -> None:  # noqa: ANN401
    for schema, root in (("phantom", exports.phantom), ("small", exports.small)):
        if schema == "phantom" and question == NOT_BUILT:
            continue
        cursor = db.execute(f"select * from {schema}.{question}")
        given = [column.name for column in cursor.description], cursor.fetchall()
        check_equal(exports.ask(root, question), given, cut=NAME_BYTES)
    assert given[1]


@pytest.mark.parametrize("table", ["masks", "voxels", "cases", "kinetics"])
def test_tables_are_read_whole(db: Any, exports: Exports, table: str) -> None:  # noqa: ANN401
    for schema, root in (("phantom", exports.phantom), ("small", exports.small)):
        cursor = db.execute(f"select * from {schema}.{table}")
        given = [column.name for column in cursor.description], cursor.fetchall()
        check_equal(exports.ask(root, table), given)


def test_types_are_those_of_duckdb(db: Any) -> None:  # noqa: ANN401
    """No numeric, no real: sums of integers and of floats have the width of DuckDB's."""
    sql = "select distinct data_type from information_schema.columns where table_schema = 'phantom'"
    types = {row[0] for row in db.execute(sql).fetchall()}
    expected = {
        "text",
        "boolean",
        "bigint",
        "integer",
        "double precision",
        "date",
        "ARRAY",
        "jsonb",
    }
    assert types == expected


def test_every_column_has_its_comment(db: Any) -> None:  # noqa: ANN401
    silent = db.execute(
        "select attrelid::regclass from pg_attribute join pg_class on pg_class.oid = attrelid "
        "where relnamespace = 'phantom'::regnamespace and relkind in ('r', 'v') and attnum > 0 "
        "and (col_description(attrelid, attnum) is null or obj_description(attrelid) is null)"
    ).fetchall()
    assert silent == []
    functions = db.execute(
        "select count(*) from pg_proc where pronamespace = 'phantom'::regnamespace "
        "and obj_description(oid) like '%Grain: One row%'"
    ).fetchall()
    assert functions == [(len(MACROS),)]
