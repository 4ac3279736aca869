"""`ispy1 status`: ten lines, and what each of them notices."""

from __future__ import annotations

import json
import shutil
from contextlib import chdir
from pathlib import Path

import pytest
from dvc.repo import Repo
from history import GROWN, REPACKED, commit, git, set_remote
from support import MANIFEST, make_project, make_release
from typer.testing import CliRunner

from etl.ask.status import Status, format_lines, status
from etl.build.index import list_tables, write_indexes
from etl.cli import app
from etl.model import project
from etl.model.errors import UserError
from etl.phantom import papers
from etl.versions.edits import refuse_edits
from etl.versions.repro import run_repro

RELEASE = "data/release"


def read(root: Path) -> Status:
    """Return the status; DVC is asked in this process."""
    with chdir(root), Repo() as repo:
        answer = repo.status()
    return status(root, lambda: answer)


def line(now: Status, name: str) -> str:
    return next(text[11:] for text in format_lines(now) if text.startswith(name))


def test_few_lines_about_a_project_that_is_in_order(past: Path) -> None:
    found = status(past)
    assert found == read(past)  # as DVC's own process says it
    assert len(list(format_lines(found))) == 11
    assert found.stale == {}
    assert found.hand_edits == found.changed_blobs == []
    assert found.release["path"] == RELEASE
    assert found.release["dataset"] == "ISPY1-PHANTOM"
    files = [path for path in (past / RELEASE).rglob("*") if path.is_file()]
    assert found.release["files"] == len(files)
    assert found.release["bytes"] == sum(path.stat().st_size for path in files)
    assert str(found.release["dvc_hash"]) in (past / "data" / "release.dvc").read_text()
    assert found.versions["head"] == git(past, "rev-parse", "HEAD").strip()[:8]
    assert (found.versions["tags"], found.versions["tags_of_head"]) == (["v1", "v2"], ["v2"])
    assert found.versions["uncommitted"] == []
    assert found.remote is None
    assert "none" in line(found, "remote")
    assert "did not run" in line(found, "verdict")


def test_an_edited_dependency_makes_a_stage_stale(copy: Path) -> None:
    view = copy / "sql" / "views" / "volumes.sql"
    view.write_text(view.read_text() + "\n-- edited\n")
    found = read(copy)
    assert found.stale == {"index": "sql modified"}
    assert "index (index: sql modified)" in line(found, "stale")


def test_a_blob_that_was_edited_added_or_removed(copy: Path) -> None:
    blob = copy / RELEASE / GROWN
    data = bytearray(blob.read_bytes())
    data[4] ^= 1
    blob.write_bytes(data)  # the same size
    found = read(copy)
    assert found.changed_blobs == [GROWN]
    assert found.hand_edits == []  # a user's own release is theirs to edit
    assert f"{RELEASE} modified" in found.stale["index"]
    blob.unlink()
    (copy / RELEASE / "new.txt").write_text("new")
    (copy / RELEASE / ".DS_Store").write_text("litter")
    assert read(copy).changed_blobs == [GROWN, "new.txt"]


def test_code_that_changed_makes_tables_stale(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert line(read(copy), "tables") == "fresh"
    monkeypatch.setattr("etl.build.recipe._find_version", lambda _name: "999")
    found = read(copy)
    assert {table["table"] for table in found.tables} == set(list_tables())
    assert "stale" in line(found, "tables")
    assert "units to measure" in line(found, "tables")


def test_a_parameter_that_changed(copy: Path) -> None:
    lock = (copy / "dvc.lock").read_text()
    params = "    params:\n      params.yaml:\n        phantom.cases: 2\n        phantom.seed: 1\n"
    (copy / "dvc.lock").write_text(lock.replace("    outs:\n", f"{params}    outs:\n", 1))
    dvc_yaml = (copy / "dvc.yaml").read_text()
    listed = "    params: [phantom.cases, phantom.seed]\n    outs:\n"
    (copy / "dvc.yaml").write_text(dvc_yaml.replace("    outs:\n", listed, 1))
    assert read(copy).stale == {}
    path = copy / "params.yaml"
    path.write_text(path.read_text().replace("cases: 2", "cases: 3"))
    assert read(copy).stale["index"] == "params.yaml: phantom.cases"


def test_an_output_that_was_edited_by_hand(copy: Path) -> None:
    path = copy / "data" / "index" / "masks.csv"
    path.write_text(path.read_text() + "edited")
    found = read(copy)
    assert found.hand_edits == ["data/index"]
    assert "will be written over" in line(found, "hand edits")
    shutil.rmtree(path.parent)
    found = read(copy)
    assert found.hand_edits == []
    assert "data/index deleted" in found.stale["index"]


def test_edits_in_the_phantom_are_in_danger_and_in_a_release_are_not(tmp_path: Path) -> None:
    root = make_project(tmp_path / "p")
    params = root / "params.yaml"
    params.write_text(params.read_text().replace("data/release", "data/phantom"))
    make_release(root / "data" / "phantom")
    (root / "data" / "dvc.yaml").write_text(
        "stages:\n  phantom:\n    cmd: 'true'\n    outs: [phantom]\n"
    )
    (root / "dvc.yaml").write_text("stages: {}\n")
    write_indexes(root)
    with Repo(str(root)) as repo:
        repo.commit(force=True)
    commit(root, "v1")
    assert read(root).hand_edits == []
    phantom = root / "data" / "phantom"
    (phantom / MANIFEST).unlink()  # holds nothing to lose
    shutil.copy(phantom / GROWN, phantom / REPACKED)  # nor does what the cache has
    (phantom / ".DS_Store").write_text("litter")
    refuse_edits(root)
    with (phantom / GROWN).open("ab") as file:
        file.write(b"edited")
    (phantom / "notes.txt").write_text("mine")
    edits = [f"data/phantom/{GROWN}", "data/phantom/notes.txt"]
    found = read(root)
    assert found.hand_edits == edits
    assert str(found.release["dvc_hash"]) in (root / "data" / "dvc.lock").read_text()
    with pytest.raises(UserError, match="ispy1 adopt data/phantom") as refusal:
        run_repro(root, [], {}, print)
    assert str(refusal.value).startswith(", ".join(edits))
    stated = [project.param(root, f"phantom.{name}") for name in ("cases", "seed", "scale")]
    (phantom / papers.README).write_text(papers.format_readme(*stated))
    refuse_edits(root)  # made anew, by a build that was cut
    shutil.rmtree(phantom)  # as in a fresh clone
    refuse_edits(root)


def test_what_is_not_committed(copy: Path) -> None:
    with (copy / "dvc.lock").open("a") as file:
        file.write("# more\n")
    (copy / "data" / "other.dvc").write_text("outs: []\n")
    assert read(copy).versions["uncommitted"] == ["dvc.lock", "data/other.dvc"]


def test_verdict_and_remote(copy: Path, tmp_path: Path) -> None:
    set_remote(copy, tmp_path / "store")
    facts = {
        "verdict": "red",
        "n_contracts": 9,
        "n_checked": 8,
        "n_failed": {"critical": 2, "warning": 0},
    }
    (copy / "reports").mkdir(exist_ok=True)
    (copy / "reports" / "gate.json").write_text(json.dumps(facts))
    found = read(copy)
    assert line(found, "verdict") == "red: 8 of 9 contracts judged; broken: 2 critical"
    assert line(found, "remote") == "store"
    (copy / "sql" / "claims.csv").write_text("edited")
    assert line(read(copy), "verdict").startswith("red (of an older build)")
    (copy / "reports" / "gate.json").write_text("{")
    assert read(copy).verdict == {"verdict": None}


def test_a_project_without_git_release_or_build(project: Path, copy: Path) -> None:
    shutil.rmtree(project / ".git")
    (project / RELEASE).rmdir()
    found = status(project)
    said = "\n".join(format_lines(found))
    assert "git" in said
    assert "not here" in said
    assert "not tracked" in said
    assert found.stale.keys() == {"dvc"}
    (copy / "dvc.lock").write_text("stages: 3\n")
    assert "dvc.lock" in status(copy).stale["dvc"]


def test_the_command(past: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(past)
    said = CliRunner().invoke(app, ["status"])
    assert (said.exit_code, len(said.output.splitlines())) == (0, 11)
    found = json.loads(CliRunner().invoke(app, ["status", "--json"]).output)
    assert found == read(past).as_json()
