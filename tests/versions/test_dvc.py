"""What DVC keeps, by hash: where the cache is, fetching from and pushing to today's remote."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import typer
from dvc.repo import Repo
from history import commit, keep_tables, make_history, set_remote, write_masks
from history import git as run_git
from typer.testing import CliRunner

import etl
from etl.build.index import list_tables
from etl.cli import versions as commands
from etl.model.errors import UserError
from etl.versions import dvc, git, revision_tables
from etl.versions.push import push_versions

N_TABLES = len(list_tables()) + 2  # and findings, gate_results
VOLUME = "select max(volume_cm3) from masks where case_id = 'ISPY1_9001' and mask = 'stv_manual'"
CACHE = ".dvc/cache"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("versions")
    return make_history(folder / "p", remote=Path("../store"))


@pytest.fixture
def past(original: Path, tmp_path: Path) -> Path:
    """A copy whose remote, `store` beside it, is still empty."""
    root = Path(shutil.copytree(original, tmp_path / "p"))
    set_remote(root, tmp_path / "store")
    return root


def ask(root: Path, rev: str, sql: str = VOLUME) -> Any:  # noqa: ANN401
    row = etl.connect(root, rev=rev).execute(sql).fetchone()
    return row[0] if row else None


# --- Configuration -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "local"),
    [
        ("", ""),
        ("[cache]\n    type = copy\n    dir = ../elsewhere\n", ""),
        ('[cache]\ndir = "../else where" # a comment\n', ""),
        ("[cache]\n  dir = ../else\n", "[cache]\n    dir = ../wins\n"),
        ("[Cache]\n  DIR = /absolute/folder\n['remote \"a\"']\n  url = x\n", ""),
        ("", "[cache]\ndir = ~/home # c\n"),
    ],
)
def test_the_cache_is_where_dvc_says(past: Path, config: str, local: str) -> None:
    (past / ".dvc" / "config").write_text(config)
    (past / ".dvc" / "config.local").write_text(local)
    with Repo(str(past)) as repo:
        assert str(dvc.find_cache(past).resolve()) == repo.cache.local.path


def test_the_users_own_configuration_counts(
    past: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DVC_GLOBAL_CONFIG_DIR", str(tmp_path))
    (tmp_path / "config").write_text(f"[cache]\n    dir = {tmp_path / 'shared'}\n")
    assert dvc.find_cache(past) == tmp_path / "shared" / "files" / "md5"
    with Repo(str(past)) as repo:
        assert repo.cache.local.path == str(dvc.find_cache(past))


def test_a_damaged_configuration_is_named(past: Path) -> None:
    (past / ".dvc" / "config").write_text("dir = x\n")
    with pytest.raises(UserError, match="no DVC configuration"):
        dvc.find_cache(past)


# --- Pushing -----------------------------------------------------------------------------------


def test_push_brings_todays_and_then_every_version(past: Path) -> None:
    today = push_versions(past, every=False)
    assert (today.versions, today.tables, today.blobs, today.missing) == (1, N_TABLES, 1, {})
    # the tables, a blob, its folder, no splits
    assert (today.pushed, today.there) == (N_TABLES + 2, 0)
    every = push_versions(past, every=True)
    assert (every.versions, every.tables, every.blobs) == (2, N_TABLES + 1, 2)
    assert (every.pushed, every.there) == (3, N_TABLES + 2)  # a table, a blob, its folder
    again = push_versions(past, every=True)
    assert (again.pushed, again.pushed_bytes, again.there) == (0, 0, N_TABLES + 5)


def test_dvc_itself_finds_what_was_pushed(past: Path) -> None:
    push_versions(past, every=True)
    shutil.rmtree(past / CACHE)
    shutil.rmtree(past / "data" / "release")
    with Repo(str(past)) as repo:
        repo.pull([str(past / "data" / "release.dvc")])
        assert not repo.cloud.status(set()).missing
    assert next((past / "data" / "release").rglob("*.gz")).read_text() == "grown by two"


def test_a_file_that_left_the_remote_is_sent_again(past: Path) -> None:
    push_versions(past, every=True)
    md5 = revision_tables.list_tables_at(past, "v1")["masks"]
    (past.parent / "store" / "files" / "md5" / md5[:2] / md5[2:]).unlink()
    assert dvc.list_remote(past, [md5]) == set()
    assert push_versions(past, every=True).pushed == 1
    assert dvc.list_remote(past, [md5, "f" * 32]) == {md5}


def test_a_file_that_is_nowhere_is_named_and_its_folder_stays(past: Path) -> None:
    folder = next(md5 for md5 in git.list_todays_outs(past).paths if md5.endswith(".dir"))
    files = dvc.list_folder_files(past, folder) or {}
    (path, blob), *_ = files.items()
    dvc.name_cache_path(past, blob).unlink()
    report = push_versions(past, every=False)
    assert report.missing == {blob: f"data/release/{path}"}
    assert dvc.list_remote(past, [blob, folder]) == set()
    assert dvc.find_blob_file(past, blob) is None


def test_push_counts_in_a_clone_that_lacks_the_cache(past: Path) -> None:
    push_versions(past, every=True)
    shutil.rmtree(past / CACHE)
    report = push_versions(past, every=True)
    assert (report.tables, report.blobs, report.pushed, report.missing) == (N_TABLES + 1, 2, 0, {})


def test_progress_ends_with_all(past: Path) -> None:
    steps: list[tuple[int, int]] = []
    report = push_versions(past, every=True, progress=lambda *step: steps.append(step))
    assert steps[-1] == (report.pushed, report.pushed)


def test_without_a_remote_the_message_says_how_to_add_one(past: Path) -> None:
    (past / ".dvc" / "config").write_text("")
    with pytest.raises(
        UserError, match=r"no default remote is set\. Add one by `dvc remote add -d"
    ):
        push_versions(past, every=False)
    assert dvc.list_remote(past, ["a" * 32]) == set()


@pytest.mark.parametrize("url", ["nosuch://place", "s3://bucket/x"])
def test_a_remote_that_cannot_be_used_is_named(past: Path, url: str) -> None:
    set_remote(past, url, version_aware="true")
    with pytest.raises(UserError, match="The remote store cannot be used") as caught:
        push_versions(past, every=False)
    assert "\n" not in str(caught.value)


def test_a_remote_that_refuses_a_file_is_named(past: Path) -> None:
    (past.parent / "store").write_text("a file where the folder should be")
    with pytest.raises(UserError, match="The remote store cannot be used"):
        push_versions(past, every=False)


def test_the_command(past: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = typer.Typer()
    commands.register(app)
    app.command()(lambda: None)
    monkeypatch.chdir(past / "sql")
    run = CliRunner().invoke(app, ["push"], catch_exceptions=False)
    assert run.output.startswith(
        f"push: 1 versions; {N_TABLES} tables, 1 blobs, 1 other files; {N_TABLES + 2} sent"
    )
    run = CliRunner().invoke(app, ["push", "--all-versions", "--json"], catch_exceptions=False)
    assert json.loads(run.output) | {"pushed_bytes": 0} == {
        "versions": 2, "tables": N_TABLES + 1, "blobs": 2, "others": 2, "pushed": 3,
        "pushed_bytes": 0, "there": N_TABLES + 2, "missing": {},
    }  # fmt: skip
    shutil.rmtree(past / CACHE)
    shutil.rmtree(past.parent / "store")
    run = CliRunner().invoke(app, ["push"], catch_exceptions=False)
    assert run.exit_code == 1
    assert "missing: data/tables/masks.parquet (MD5 " in run.output


# --- Fetching ----------------------------------------------------------------------------------


def test_missing_tables_are_fetched_by_hash_and_nothing_else(past: Path) -> None:
    push_versions(past, every=True)  # v1 was tagged before there was a remote
    shutil.rmtree(past / CACHE)
    assert ask(past, "v1") == 5
    cached = {path.parent.name + path.name for path in (past / CACHE).rglob("*") if path.is_file()}
    assert cached == set(revision_tables.list_tables_at(past, "v1").values())
    run_git(past, "remote", "add", "origin", str(past))  # a clone, without any cache
    run_git(past.parent, "clone", "-q", str(past), "clone")
    set_remote(past.parent / "clone", past.parent / "store")
    (past.parent / "clone" / "splits.csv").unlink()
    assert ask(past.parent / "clone", "v2") == 6


def test_a_table_that_is_nowhere_is_named(past: Path) -> None:
    md5 = revision_tables.list_tables_at(past, "v1")["masks"]
    dvc.name_cache_path(past, md5).unlink()
    with pytest.raises(UserError, match=rf"v1: .*masks \(MD5 {md5}\).* remote store. Run `ispy1 p"):
        etl.connect(past, rev="v1")
    (past / ".dvc" / "config").write_text("")
    with pytest.raises(UserError, match=r"no remote is set. Add one by `dvc remote add"):
        revision_tables.find_table_file(past, "v1", "masks")
    assert ask(past, "v2") == 6


def test_a_file_that_was_damaged_in_the_remote_is_not_taken(past: Path) -> None:
    push_versions(past, every=True)
    md5 = revision_tables.list_tables_at(past, "v1")["masks"]
    stored = past.parent / "store" / "files" / "md5" / md5[:2] / md5[2:]
    stored.chmod(0o644)
    stored.write_bytes(b"PAR1 damaged PAR1")
    dvc.name_cache_path(past, md5).unlink()
    with pytest.raises(UserError, match="is not in the DVC cache"):
        etl.connect(past, rev="v1")
    assert dvc.list_cached(past, [md5]) == set()


def test_a_damaged_cache_file_is_named(past: Path) -> None:
    path = revision_tables.find_table_file(past, "v1", "masks")
    path.chmod(0o644)
    path.write_bytes(b"not a table")
    with pytest.raises(UserError, match="v1: a file of the DVC cache is no table"):
        etl.connect(past, rev="v1")


def test_a_shared_cache_serves_as_well(past: Path) -> None:
    (past / CACHE).rename(past.parent / "shared")
    (past / ".dvc" / "config.local").write_text("[cache]\n    dir = ../../shared\n")
    assert ask(past, "v1") == 5


def test_a_build_that_writes_does_not_disturb_head(past: Path) -> None:
    connection = etl.connect(past, rev="HEAD")
    write_masks(past, 7.0)
    (past / "splits.csv").write_text("being written")
    assert connection.execute(VOLUME).fetchall() == [(6.0,)]
    assert ask(past, "HEAD") == 6
    (past / "data/tables/masks.parquet").write_bytes(b"half")
    assert ask(past, "HEAD") == 6
    run_git(past, "checkout", "-q", "splits.csv")
    write_masks(past, 8.0)
    keep_tables(past, "grown by three")
    commit(past, "v3")
    assert [ask(past, rev) for rev in ("v1", "v2", "v3", "HEAD~1")] == [5, 6, 8, 6]
