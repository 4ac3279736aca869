"""Through DVC: what runs again after an edit, a switch of revisions, a clone, another function."""

from __future__ import annotations

import re
import shutil

import pytest
from tracked import STAGES, Tracked
from typer.testing import CliRunner

from etl.build.index import import_table, list_tables
from etl.cli import app

MASKS = "masks: 6 rows, 0 findings; {} units measured, {} reused"


def ask(*words: str) -> str:
    """Return what a command prints in this process: it is the same code."""
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    return done.output


def stages_run(output: str) -> list[str]:
    return re.findall(r"Running stage '([^']+)'", output)


def tables_written(output: str) -> set[str]:
    return set(re.findall(r"^(\w+): \d+ rows", output, re.MULTILINE))


def made_of(artefact: str) -> set[str]:
    """Return the tables that read such blobs, or a table that does."""
    behind: set[str] = set()
    for name in list_tables():  # each behind those that it needs
        table = import_table(name).TABLE
        if artefact in table.reads or behind.intersection(table.needs):
            behind.add(name)
    return behind


def test_one_edited_mask_and_back(tracked: Tracked) -> None:
    first = tracked.tables()
    tracked.edit(2)
    output = tracked.run(f"dvc repro {STAGES}")
    assert MASKS.format(1, 5) in output
    assert stages_run(output) == ["index", "tables"]
    # blobs and cases list all files; no image and no workbook is read again
    behind = made_of("mask")
    assert behind >= {"masks", "mask_agreement", "kinetics", "recomputed_features", "feature_audit"}
    assert tables_written(output) == {"blobs", "cases", *behind}
    assert tracked.tables() != first

    tracked.run("git checkout -q v1 -- data/release.dvc && dvc checkout -q data/release.dvc")
    assert MASKS.format(0, 6) in tracked.run(f"dvc repro {STAGES}")
    assert tracked.tables() == first
    assert stages_run(tracked.run(f"dvc repro {STAGES}")) == []


def test_force(tracked: Tracked) -> None:
    output = tracked.run("dvc repro --force --single-item tables")
    assert "tables: 0 stale" in output  # DVC's force: the stage, and not what it left fresh
    output = tracked.run("ispy1 repro --force --single-item tables")
    assert MASKS.format(6, 0) in output
    assert tracked.run("git status --porcelain") == ""


def test_a_changed_function_reruns_its_tables_only(tracked: Tracked, original: Tracked) -> None:
    shape = tracked.root / "etl/measure/shape.py"
    shape.write_text(shape.read_text().replace("36", "35", 1) + "\nWIDER = 1\n")
    output = tracked.run(f"dvc repro {STAGES}")
    assert tables_written(output) == {"masks", "cases"}
    assert MASKS.format(6, 0) in output
    changed = {k for k, v in tracked.tables().items() if v != original.tables()[k]}
    assert changed == {f"data/tables/{name}.parquet" for name in ("masks", "cases", "findings")}


# --- git and DVC apart -------------------------------------------------------------------------


def test_the_hook_checks_the_data_out(two_versions: Tracked, original: Tracked) -> None:
    here = two_versions
    assert "checked out too" in here.run("ispy1 hook")
    assert "checked out too" in here.run("ispy1 hook")  # again: the same
    second = here.tables()["data/tables/masks.parquet"]
    here.run("git checkout -q v1")
    assert (
        here.tables()["data/tables/masks.parquet"] == original.tables()["data/tables/masks.parquet"]
    )
    assert here.run("dvc status data/release.dvc tables").strip().endswith("up to date.")
    here.run("git checkout -q v2")
    assert here.tables()["data/tables/masks.parquet"] == second
    # Work that was not saved is neither lost nor in the way of git.
    here.edit(7)
    edited = (here.release / "masks_ftv/ISPY1_9001.nii.gz").read_bytes()
    here.run("git checkout -q -b mine")
    output = here.run("git checkout -q v1")
    assert "dvc pull" in output
    assert (here.release / "masks_ftv/ISPY1_9001.nii.gz").read_bytes() == edited


def test_a_hook_of_the_users_own_stays(tracked: Tracked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tracked.root)
    path = tracked.root / ".git/hooks/post-checkout"
    path.parent.mkdir(exist_ok=True)
    path.write_text("#!/bin/sh\necho mine\n")
    assert "add to it: dvc git-hook post-checkout" in ask("hook")
    assert path.read_text() == "#!/bin/sh\necho mine\n"
    path.write_text("#!/bin/sh\nexec dvc git-hook post-checkout $@\n")  # by `dvc install`
    assert "calls DVC already" in ask("hook")
    path.unlink()
    tracked.run("git config core.hooksPath '.my hooks'")
    ask("hook")
    assert (tracked.root / ".my hooks/post-checkout").stat().st_mode & 0o111
    shutil.rmtree(tracked.root / ".git")
    assert "not under git" in ask("hook")


def test_a_checkout_by_git_alone_is_told(
    two_versions: Tracked, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = two_versions
    here.run("git checkout -q v1")
    warned = here.run("dvc repro index")
    assert "data/release differs from HEAD's data/release.dvc in 1 file(s)" in warned
    assert "masks_ftv/ISPY1_9001.nii.gz" in warned
    (command,) = re.findall(r"by git alone: (.*)", warned)
    here.run(command.replace("dvc checkout", "dvc checkout data/release.dvc index tables"))
    monkeypatch.chdir(here.root)
    assert "warning" not in ask("index")
    assert here.run("git status --porcelain") == ""


def test_dvc_exp_run(two_versions: Tracked, original: Tracked) -> None:
    """An experiment in the workspace: the edit is measured once, and its result is kept."""
    here = two_versions
    here.edit(5)
    output = here.run("dvc exp run tables")
    assert MASKS.format(1, 5) in output
    assert "Ran experiment" in output
    here.run("git checkout -qf v1 && dvc checkout -q data/release.dvc index tables")
    assert here.tables() == original.tables()
