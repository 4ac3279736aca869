"""Any version in SQL: opened alone, put beside today's, and table files of every schema version."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from archives.make import HERE, archive_path, make
from history import commit, git, make_history
from made.small import ask, make_project
from typer.testing import CliRunner

import etl
from etl.cli import app
from etl.model.errors import UserError
from etl.model.project import TABLES
from etl.model.schema import SCHEMA_VERSION
from etl.model.store import read_footer, read_table
from etl.warehouse import query

JOIN = """
select now.case_id, now.mask, was.volume_cm3 as was_cm3, now.volume_cm3
from main.masks as now join old.masks as was using (case_id, mask)
where now.volume_cm3 <> was.volume_cm3"""
VIEWS = """
select was.stv_manual_cm3, now.stv_manual_cm3
from volumes as now join old.volumes as was using (case_id)
where now.stv_manual_cm3 <> was.stv_manual_cm3"""
OF_HISTORY = (
    "citation", "cohort", "coverage", "modelling", "problems", "slice_count", "studies", "volumes",
)  # fmt: skip
GROWN = [("ISPY1_9001", "stv_manual", 5.0, 6.0)]


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("snapshot")
    return make_history(folder / "p", remote=folder / "store", views=OF_HISTORY)


def test_a_revision_has_its_own_tables_views_and_inputs(past: Path) -> None:
    v1, v2 = etl.connect(past, rev="v1"), etl.connect(past, rev="v2")
    assert [ask(db, "select n_images from slice_count") for db in (v1, v2)] == [[(7,)], [(12,)]]
    assert [ask(db, "select fold from inputs.splits") for db in (v1, v2)] == [[(3,)], [(1,)]]
    assert ask(v2, "select count(*) > 0 from problems") == [(True,)]
    with pytest.raises(duckdb.CatalogException):
        v1.execute("from problems")
    assert ask(etl.connect(past), "from masks") == ask(v2, "from masks")


def test_a_revision_is_documented_as_today(past: Path) -> None:
    blank = "select 1 from duckdb_columns() where not internal and coalesce(comment, '') = ''"
    assert ask(etl.connect(past, rev="v1", attach={"old": "v2"}), blank) == []


@pytest.mark.parametrize("_again", [1, 2])  # the second time from the kept catalogs
def test_versions_join(past: Path, _again: int) -> None:
    db = etl.connect(past, attach={"old": "v1", "head": "HEAD"})
    assert ask(db, JOIN) == GROWN
    assert ask(db, JOIN.replace("main.masks", "masks")) == GROWN
    assert ask(db, VIEWS) == [(5.0, 6.0)]
    assert ask(db, "select n_images from old.slice_count") == [(7,)]
    assert ask(db, "select fold from old.inputs.splits") == [(3,)]
    assert ask(db, JOIN.replace("old", "head")) == []
    assert ask(db, "select current_catalog(), current_schema()") == [("memory", "main")]
    with pytest.raises(duckdb.CatalogException):  # never today's instead
        db.execute("from old.problems")


def test_the_restricted_connection_holds_versions_too(past: Path) -> None:
    both = query.connect_restricted(past, attach={"old": "v1"})
    swapped = query.connect_restricted(past, rev="v1", attach={"old": "v2"})

    def run(sql: str, db: duckdb.DuckDBPyConnection = both) -> list[tuple[Any, ...]]:
        return list(query.execute(db, sql, past).rows())

    assert run(JOIN) == GROWN
    assert run(VIEWS) == [(5.0, 6.0)]
    assert run("select n_images from slice_count", swapped) == [(7,)]
    assert run(JOIN, swapped) == [("ISPY1_9001", "stv_manual", 6.0, 5.0)]
    comments = "select count(*) from duckdb_columns() where comment is null and not internal"
    assert run(comments) == [(0,)]
    kept = next(path for path in (past / ".dvc/cache").rglob("*") if path.is_file())
    for sql in (f"from '{kept}'", f"from read_parquet('{kept}')"):
        with pytest.raises(UserError):
            run(sql)
    with pytest.raises(UserError, match="not allowed"):
        run("delete from old.masks")


@pytest.mark.parametrize(
    ("sql", "kinds", "said"),
    [
        ("from problems", {"rev": "v1"}, "v1 has no table or view problems"),
        ("from old.problems", {"attach": {"old": "v1"}}, "v1 has no table or view problems"),
        ('from "old" . main.gate_results', {"attach": {"old": "v1"}}, "v1 has no table or view ga"),
        ("from mask", {"rev": "v1"}, 'Did you mean "masks"'),
        ("from masks", {"rev": "v0"}, r"v0: dvc\.lock is not in this revision"),
        ("from masks", {"rev": "nope"}, "git knows no commit of this name"),
        ("from masks", {"rev": ""}, "git knows no commit of this name"),
        ("from masks", {"attach": {"old": "nope"}}, "git knows no commit of this name"),
        ("from masks", {"attach": {"main": "v1"}}, "Choose another"),
        ("from masks", {"attach": {"masks": "v1"}}, "Choose another"),
        ("from masks", {"attach": {"a;b": "v1"}}, "no name for a table"),
    ],
)
def test_what_is_not_there_is_said(past: Path, sql: str, kinds: Any, said: str) -> None:  # noqa: ANN401
    with pytest.raises(UserError, match=said) as caught:
        query.run(sql, past, **kinds)
    assert "\n" not in str(caught.value)


def test_a_revision_with_inputs_of_another_form_keeps_its_tables(
    past: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    git(tmp_path, "clone", "-q", str(past), str(copy))
    (copy / ".dvc" / "config.local").write_text(f"[cache]\ndir = {past / '.dvc/cache'}\n")
    (copy / "splits.csv").write_text("case_id,part\nISPY1_9001,2\n")
    profile = copy / "expectations" / "profiles" / "phantom.yaml"
    profile.write_text(profile.read_text() + "later: 1\n")
    view = copy / "sql" / "views" / "slice_count.sql"
    view.write_text(view.read_text().replace("count(*)", "no_such_function(1)"))
    commit(copy, "odd")
    db = etl.connect(copy, rev="odd")
    left = {row[0] for row in ask(db, "select view_name from duckdb_views() where not internal")}
    assert {"masks", "studies", "problems"} <= left
    assert not {"modelling", "citation", "coverage", "slice_count", "volumes"} & left
    with pytest.raises(UserError, match="odd has no table or view modelling"):
        query.run("from modelling", copy, rev="odd")


def test_kept_catalogs_do_not_pile_up(past: Path) -> None:
    for rev in ("v1", "v2", "HEAD", "v1"):
        etl.connect(past, rev=rev)
    etl.connect(past)
    kept = [path.name.partition("-")[0] for path in (past / ".dvc/tmp/ispy1").glob("*.duckdb")]
    assert sorted(kept) == ["catalog", "revision", "revision"]


# --- Commands ----------------------------------------------------------------------------------


@pytest.fixture
def run(past: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    monkeypatch.chdir(past)

    def call(*words: str) -> str:
        result = CliRunner().invoke(app, list(words), catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    return call


def test_the_commands_take_versions(run: Callable[..., str]) -> None:
    assert run("sql", "--rev", "v1", "select n_images from slice_count", "-f", "csv") == (
        "n_images\n7\n"
    )
    words = ("sql", "--attach", "old=v1", "--attach", "new=v2", "-f", "json")
    [row] = json.loads(run(*words, JOIN.replace("main", "new")))
    assert row["case_id"] == "ISPY1_9001"
    listed = {relation["name"] for relation in json.loads(run("describe", "--json", "--rev", "v1"))}
    assert "masks" in listed
    assert "problems" not in listed


@pytest.mark.parametrize("given", ["old", "old=", "=v1"])
def test_a_wrong_attach_is_met_with_a_sentence(
    past: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.chdir(past)
    result = CliRunner().invoke(app, ["sql", "select 1", "--attach", given])
    assert isinstance(result.exception, UserError)
    assert "expected NAME=REV" in str(result.exception)


# --- Table files of every schema version -------------------------------------------------------

ARCHIVES = sorted(HERE.glob("schema_*.zip"))


def test_todays_schema_version_has_an_archive(tmp_path: Path) -> None:
    assert archive_path(SCHEMA_VERSION) in ARCHIVES, "run tests/archives/make.py"
    with pytest.raises(UserError, match="an archive is never changed"):
        make(archive_path(SCHEMA_VERSION))
    assert make(tmp_path / "new.zip").stat().st_size > 0


@pytest.mark.parametrize("archive", ARCHIVES, ids=lambda path: path.stem)
def test_table_files_of_every_schema_version_stay_readable(archive: Path, tmp_path: Path) -> None:
    root = make_project(tmp_path / "p", views=())  # today's views need today's columns
    shutil.rmtree(root / TABLES)
    with zipfile.ZipFile(archive) as files:
        files.extractall(root / TABLES)
    db = etl.connect(root)
    found = sorted((root / TABLES).glob("*.parquet"))
    assert len(found) >= 10
    for path in found:
        footer = read_footer(path)
        assert footer["schema_version"] == int(archive.stem.partition("_")[2])
        rows = ask(db, f"from {path.stem}")
        assert len(rows) == read_table(path).num_rows > 0
        columns = [
            column[0] for column in db.execute(f"from {path.stem} limit 0").description or ()
        ]
        assert columns == pq.read_schema(path).names
        assert set(footer["columns"]) == set(columns)
    undocumented = "select 1 from duckdb_columns() where not internal and comment is null"
    assert ask(db, undocumented) == []


def test_tables_that_todays_views_cannot_read_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_project(tmp_path / "p", views=("slice_count",))
    view = root / "sql" / "views" / "slice_count.sql"
    view.write_text(view.read_text().replace("count(*)", "count(column_of_tomorrow)"))
    with pytest.warns(UserWarning, match="slice_count.sql is broken: .*column_of_tomorrow"):
        etl.connect(root)
    monkeypatch.setattr("etl.warehouse.connect.SCHEMA_VERSION", SCHEMA_VERSION + 1)
    with pytest.raises(UserError, match=rf"has schema version {SCHEMA_VERSION}, .* `ispy1 repro`"):
        etl.connect(root)
