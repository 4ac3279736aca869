"""What git knows: names of revisions, files at them, the tables in their dvc.lock."""

from __future__ import annotations

from pathlib import Path

import pytest
from history import commit, make_history
from history import git as run_git

from etl.model.errors import UserError
from etl.versions import git, revision_tables


@pytest.fixture
def clone(past: Path, tmp_path: Path) -> Path:
    """A clone that a test may change."""
    run_git(tmp_path, "clone", "-q", str(past), "clone")
    return tmp_path / "clone"


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("revisions")
    return make_history(folder / "p", remote=folder / "store")


def test_every_spelling_of_a_revision(past: Path) -> None:
    commit_of_v1 = run_git(past, "rev-parse", "v1").strip()
    for name in ("v1", "HEAD~1", "main^", commit_of_v1, commit_of_v1[:9], "refs/tags/v1"):
        revision = git.resolve(past, name)
        assert (revision.commit, str(revision)) == (commit_of_v1, name)
    assert git.resolve(past, revision) is revision


@pytest.mark.parametrize(
    "name", ["v3", "", "--help", "-h", "v1..v2", "HEAD~9", "HEAD:splits.csv", "a\nv1", "a b", "é"]
)
def test_what_is_no_revision_is_refused_in_one_line(past: Path, name: str) -> None:
    with pytest.raises(UserError, match="git knows no commit of this name") as caught:
        git.resolve(past, name)
    assert "\n" not in str(caught.value)


def test_a_near_miss_is_named(clone: Path) -> None:
    run_git(clone, "tag", "release-2026")
    with pytest.raises(UserError, match="Did you mean release-2026"):
        git.resolve(clone, "relase-2026")


def test_a_folder_without_git_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="git cannot answer"):
        git.resolve(tmp_path, "HEAD")


def test_a_missing_git_is_said(past: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UserError, match="git is not installed"):
        git.resolve(past, "HEAD")


def test_the_variables_of_a_hook_lead_nowhere(
    past: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    assert git.resolve(past, "v1").name == "v1"


def test_tags_come_in_the_order_of_their_commits(clone: Path) -> None:
    assert [str(tag) for tag in git.list_tags(clone)] == ["v0", "v1", "v2"]
    run_git(clone, "tag", "-a", "-m", "annotated late", "v0.5", "v0")
    run_git(clone, "tag", "blob", "HEAD:splits.csv")
    assert {str(tag) for tag in git.list_tags(clone)} == {"v0", "v0.5", "v1", "v2"}
    v0, late = git.resolve(clone, "v0"), git.resolve(clone, "v0.5")
    assert (late.commit, late.committed) == (v0.commit, v0.committed)


def test_files_at_a_revision(past: Path) -> None:
    assert b",3," in (git.read_at(past, "v1", "splits.csv") or b"")
    assert b",1," in (git.read_at(past, "v2", "splits.csv") or b"")
    assert git.read_at(past, "v1", "no/such.file") is None
    assert git.read_at(past, "v1", "sql") is None
    files = git.read_files_at(past, "v1", ["sql/views", "splits.csv", "nothing"])
    assert files["splits.csv"] == git.read_at(past, "v1", "splits.csv")
    assert {Path(path).parent.name for path in files} == {"views", ""}


def test_tables_at_a_revision(past: Path) -> None:
    v1, v2 = revision_tables.list_tables_at(past, "v1"), revision_tables.list_tables_at(past, "v2")
    assert v2.keys() - v1.keys() == {"gate_results"}
    assert {name for name in v1 if v1[name] != v2[name]} == {"masks"}
    assert revision_tables.find_table_file(past, "v1", "masks").name == v1["masks"][2:]


@pytest.mark.parametrize(
    ("rev", "name", "said"),
    [("v0", "masks", "v0: dvc.lock is not in"), ("v1", "gate_results", "v1: has no table gate_")],
)
def test_what_is_not_there_is_said(past: Path, rev: str, name: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        revision_tables.find_table_file(past, rev, name)


def test_a_damaged_lock_is_named(clone: Path) -> None:
    for text in ("stages: [1", "stages: 3", "- a", "stages: {a: {outs: [{md5: x}]}}"):
        (clone / "dvc.lock").write_text(text)
        run_git(clone, "commit", "-qam", "damage")
        with pytest.raises(UserError, match=r"HEAD:dvc\.lock: is no DVC file"):
            revision_tables.list_tables_at(clone, "HEAD")


def test_outs_of_every_version_also_those_beside_the_main_line(clone: Path) -> None:
    run_git(clone, "checkout", "-q", "-b", "side", "v1")
    side = "ab" * 16
    (clone / "side.dvc").write_text(f"outs:\n- md5: {side}\n  path: big\n")
    (clone / "not.dvc").write_text("outs:\n- md5: ffff\n  path: local\n  push: false\n")
    commit(clone, "on-the-side")
    run_git(clone, "checkout", "-q", "main")
    run_git(clone, "merge", "-q", "-s", "ours", "side")
    run_git(clone, "branch", "-D", "side")
    run_git(clone, "tag", "-d", "on-the-side")
    outs = git.list_all_outs(clone)
    assert outs.paths[side] == "big"
    assert "ffff" not in outs.paths
    assert outs.versions == 4  # v1, v2, the side, the merge
    assert {"data/release", "data/tables/masks.parquet", "splits.csv"} <= set(outs.paths.values())
    assert "splits.csv" in outs.in_git
    assert "data/tables/masks.parquet" not in outs.in_git


def test_a_project_inside_a_larger_repository(tmp_path: Path) -> None:
    inner = tmp_path / "outer" / "inner"
    inner.mkdir(parents=True)
    (inner / "dvc.lock").write_text(
        "stages: {a: {outs: [{path: data/tables/masks.parquet, md5: " + "a" * 32 + "}]}}"
    )
    run_git(inner.parent, "init", "-q")
    commit(inner.parent, "v1")
    assert revision_tables.list_tables_at(inner, "v1") == {"masks": "a" * 32}
    assert git.list_all_outs(inner).paths == {"a" * 32: "data/tables/masks.parquet"}
    assert git.list_todays_outs(inner).paths == {"a" * 32: "data/tables/masks.parquet"}
    assert list(git.read_files_at(inner, "v1", ["dvc.lock"])) == ["dvc.lock"]
