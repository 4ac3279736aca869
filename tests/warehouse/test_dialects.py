"""Exports for other engines, as far as they show without one: tests/engines runs them there."""

from __future__ import annotations

import shutil
from contextlib import chdir
from functools import partial
from pathlib import Path
from warnings import catch_warnings

import duckdb
import pyarrow.parquet as pq
import pytest
from made.small import make_project
from support import ROOT
from typer.testing import CliRunner

from etl.ask.fsck.exported import check_export
from etl.ask.fsck.model import Report
from etl.cli import app
from etl.model.profile import load_profile
from etl.warehouse.dialects import parts, postgres
from etl.warehouse.dialects.expand import expand
from etl.warehouse.dialects.scripts import DIALECTS, Dialect
from etl.warehouse.export import export
from etl.warehouse.macros import FOLDER
from etl.warehouse.views import parse_doc, read_sql, read_views

VIEWS = sorted(read_sql(ROOT / "sql/views"))
CALLS = ("enhancing_volume(50)", "voxel_entropy(1, 8)", "voxel_percentiles(0)")
# What Spark, Postgres (by CSV) and pandas read as it is: no unsigned, no 8 or 16 bit, one level.
READ_EVERYWHERE = {
    "string", "bool", "int32", "int64", "float", "double", "date32[day]",
    "list<element: double>", "list<element: string>",
}  # fmt: skip
HEADER = """-- A view of the user's own.
-- grain: one row per case
-- columns:
--   *: Anything
"""
OWN = {
    "counts": "select * from masks pivot (count(*) for mask in ('ftv'))",
    "recursion": "with recursive n as (select 1 as i union select i % 3 from n) select * from n",
    "choice": "select columns(c -> c like 'p%') from masks",
    "entry": "select own_mask_paths['mine'] as path from case_files",
}
UNPIVOT = "from (unpivot masks on voxel_count into name n value v)"


def sort_rows(db: duckdb.DuckDBPyConnection, query: str) -> list[str]:
    return sorted(map(repr, db.execute(query).fetchall()))


@pytest.fixture(scope="module")
def exported(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("duckdb") / "out"
    export(project, target, dialect="duckdb")
    return target


@pytest.fixture(scope="module")
def other_db(exported: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    with chdir(exported):
        connection.execute((exported / "views.duckdb.sql").read_text())
    return connection


@pytest.fixture
def other(
    exported: Path, other_db: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> duckdb.DuckDBPyConnection:
    """A DuckDB in which the script was run, in the folder of the export."""
    monkeypatch.chdir(exported)
    return other_db


@pytest.mark.parametrize("name", [*VIEWS, *CALLS, "cases", "findings", "inputs.splits"])
def test_the_script_for_duckdb(
    other: duckdb.DuckDBPyConnection, db: duckdb.DuckDBPyConnection, name: str
) -> None:
    rows = sort_rows(db, f"from {name}")
    assert rows
    assert sort_rows(other, f"from {name}") == rows


def test_the_script_for_duckdb_has_all(other: duckdb.DuckDBPyConnection, exported: Path) -> None:
    assert "-- Everything is carried over.\n" in (exported / "views.duckdb.sql").read_text()
    silent = "select * from duckdb_columns() where not internal and comment is null"
    assert other.execute(silent).fetchall() == []


@pytest.mark.parametrize("name", VIEWS)
def test_what_only_duckdb_has_is_written_out(db: duckdb.DuckDBPyConnection, name: str) -> None:
    query = expand(
        read_views(ROOT / "sql/views", load_profile(ROOT, "phantom"))[name],
        partial(parts._list_columns, db),
    ).sql("duckdb", comments=False)
    for word in ("columns(", "unpivot", "pivot", "group by all", "any_value"):
        assert f" {word}" not in query.lower().replace("unpivoted", "")
    assert sort_rows(db, query) == sort_rows(db, f"from {name}")


@pytest.mark.parametrize("call", CALLS)
def test_macros_are_written_out(db: duckdb.DuckDBPyConnection, call: str) -> None:
    name, _, given = call.rstrip(")").partition("(")
    text = read_sql(ROOT / FOLDER)[name]
    parameters = parse_doc(name, text, FOLDER).parameters
    query = expand(text, partial(parts._list_columns, db), parameters).sql("duckdb")
    db.execute(f"create or replace temp macro again({', '.join(parameters)}) as table {query}")
    assert sort_rows(db, f"from again({given})") == sort_rows(db, f"from {call}")


def test_types_of_files_are_read_everywhere(exported: Path) -> None:
    types = {
        f"{path.stem}.{column.name}": str(column.type)
        for path in (exported / "parquet").rglob("*.parquet")
        for column in pq.read_schema(path)
    }
    assert {name: kind for name, kind in types.items() if kind not in READ_EVERYWHERE} == {}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_same_tables_give_the_same_files(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dialect: Dialect
) -> None:
    """check_export() exports once more, beside, and compares every file."""
    monkeypatch.chdir(project)
    with catch_warnings(record=True, action="always") as warnings:
        done = CliRunner().invoke(app, ["export", str(tmp_path / "out"), "--dialect", dialect])
    assert done.exit_code == 0
    *_, script = map(Path, done.stdout.splitlines())
    assert script == tmp_path / f"out/views.{dialect}.sql"
    report = Report()
    check_export(project, script.parent, report)
    assert report.problems == []
    files = [path for path in script.parent.rglob("*") if path.is_file()]
    assert report.checked["export"] == f"{len(files)} files"
    assert (script.parent / "parquet/voxels/case_id=ISPY1_9001/voxels.parquet").is_file()
    assert not (script.parent / "warehouse.duckdb").exists()
    is_cut = "voxels.distance_mm: has its comment cut, as a Hive metastore holds 256 characters"
    assert (f"--   {is_cut}\n" in script.read_text()) == (dialect == "spark")
    assert (f"spark: {is_cut}" in {str(w.message) for w in warnings}) == (dialect == "spark")


def test_a_script_that_was_edited_is_named(exported: Path, project: Path, tmp_path: Path) -> None:
    target = Path(shutil.copytree(exported, tmp_path / "out"))
    (target / "views.duckdb.sql").write_text("select 1")
    report = Report()
    check_export(project, target, report)
    (problem,) = report.problems
    assert problem.path == str(target / "views.duckdb.sql")
    assert problem.repair == f"ispy1 export --force --dialect duckdb {target}"


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, str]]:
    """What is said of a project with views that an engine lacks words for, and its script."""
    folder, texts = tmp_path_factory.mktemp("own"), dict[str, tuple[str, str]]()
    root = make_project(folder / "p", views=("case_files",))
    for name, text in OWN.items():
        (root / f"sql/views/{name}.sql").write_text(HEADER + text)
        (root / f"sql/views/on_{name}.sql").write_text(f"{HEADER}select * from {name}")
    (root / "sql/views/other.sql").write_text(HEADER + UNPIVOT)
    for dialect in ("spark", "postgres"):
        with pytest.warns(UserWarning, match="left out") as warnings:
            *_, script = export(root, folder / dialect, dialect=dialect)
        texts[dialect] = "\n".join(str(w.message) for w in warnings), script.read_text()
    return texts


@pytest.mark.parametrize(
    ("dialect", "name", "reason"),
    [
        ("spark", "counts", "a pivot is carried over with `for name in (...) group by` alone"),
        (
            "postgres",
            "counts",
            "a pivot is carried over with `for name in (...) group by` alone",
        ),
        ("spark", "recursion", "a recursion of Spark has `union all` alone"),
        ("postgres", "choice", "columns() is carried over with a pattern alone"),
        ("postgres", "entry", "only a struct that the same query makes is taken apart"),
    ],
)
def test_what_is_left_out_is_named_with_its_reason(
    scripts: dict[str, tuple[str, str]], dialect: Dialect, name: str, reason: str
) -> None:
    warnings, script = scripts[dialect]
    for note in (
        f"{name}: is left out, as {reason}",
        f"on_{name}: is left out, as it reads {name}",
    ):
        assert note in warnings
        assert f"--   {note}\n" in script
    assert f"view {name}" not in script
    assert f"view on_{name}" not in script
    assert "view other" in script


def test_lists_are_written_as_postgres_reads_them(db: duckdb.DuckDBPyConnection) -> None:
    db.execute("""
        create or replace temp table lists as
        select ['a "b" \\c', null, ''] as texts, [0.1, null, 'inf'::double] as numbers
    """)
    columns = (parts.Column("texts", "VARCHAR[]", ""), parts.Column("numbers", "DOUBLE[]", ""))
    query = postgres.select_rows(parts.Relation("lists", "", columns))
    assert db.execute(query).fetchall() == [
        (r'{"a \"b\" \\c",null,""}', "{0.1,null,inf}"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--dialect", "oracle"), "--dialect oracle: expected spark, postgres or duckdb."),
        (("--dialect", "spark", "--files", "csv"), "--files: belongs to an export without"),
    ],
)
def test_wrong_options(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...], sentence: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(project)
    done = CliRunner().invoke(app, ["export", str(tmp_path / "out"), *words])
    assert done.exit_code
    assert sentence in str(done.exception)
    assert not (tmp_path / "out").exists()
