"""`ispy1 fsck`: faults put in by hand, each found with path, expected, found and its repair."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from contextlib import chdir
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from dvc.cli import main as run_dvc
from history import GROWN, set_remote
from support import write_manifest
from typer.testing import CliRunner

from etl.ask.fsck import Problem, Report, format_lines, fsck
from etl.cli import app
from etl.model.digests import compute_md5
from etl.model.errors import UserError
from etl.model.store import read_footer, read_table, write_table
from etl.tables import masks as masks_table
from etl.versions import dvc, git, revision_tables
from etl.warehouse.export import export

RELEASE = "data/release"
MASKS = "data/tables/masks.parquet"
PART = "data/tables/voxels/case_id=ISPY1_9001/voxels.parquet"


def only(report: Report) -> Problem:
    assert len(report.problems) == 1, report.problems
    return report.problems[0]


def flip(path: Path, at: int = -20) -> None:
    """Change one byte of a read-only file, and leave its time as it was."""
    stat = path.stat()
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)
    path.chmod(stat.st_mode)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def object_of(root: Path, path: str) -> Path:
    """The cache's file with the content of a file of the workspace."""
    return dvc.name_cache_path(root, compute_md5(root / path))


def repair(root: Path, *problems: Problem, quick: bool = False) -> None:
    """Run the commands that problems name, those of DVC in this process; nothing is wrong then."""
    for problem in problems:
        run_repair(root, problem)
    assert fsck(root, quick=quick).is_clean


def run_repair(root: Path, problem: Problem) -> None:
    for command in problem.repair.split(" && "):
        program, *words = shlex.split(command)
        with chdir(root):
            if program == "dvc":
                assert run_dvc(words) == 0
            else:
                subprocess.run([program, *words], check=True)


def test_a_sound_project_is_clean_and_nothing_is_changed(past: Path) -> None:
    def state() -> dict[str, int]:
        files = (path for path in past.rglob("*") if path.is_file() and ".dvc/tmp" not in str(path))
        return {str(path): path.stat().st_mtime_ns for path in files}

    before = state()
    report = fsck(past)
    assert report.problems == []
    assert report.is_clean
    assert set(report.checked) == {"release", "manifest", "cache", "tables"}
    assert state() == before
    assert fsck(past, quick=True).is_clean


# --- The cache ----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [f"{RELEASE}/{GROWN}", MASKS, PART])
def test_a_flipped_byte_in_a_read_only_cache_file(copy: Path, path: str) -> None:
    bad = object_of(copy, path)
    bad.chmod(0o444)
    flip(bad)
    problem = only(fsck(copy))
    assert problem.area == "cache"
    assert problem.path == bad.relative_to(copy).as_posix()
    assert problem.expected == f"MD5 {compute_md5(copy / path)}, the content of {path}"
    assert problem.found == f"MD5 {compute_md5(bad)}"
    assert fsck(copy, quick=True).is_clean  # which is why quick is not the default
    repair(copy, problem)


def test_a_flipped_byte_in_a_folders_list(copy: Path) -> None:
    md5 = next(m for m, path in git.list_todays_outs(copy).paths.items() if path == RELEASE)
    flip(dvc.name_cache_path(copy, md5), at=12)
    problem = only(fsck(copy))
    assert RELEASE in problem.expected
    repair(copy, problem)


def test_a_flipped_byte_in_an_earlier_version(copy: Path) -> None:
    old = revision_tables.list_tables_at(copy, "v1")["masks"]
    assert old != revision_tables.list_tables_at(copy, "v2")["masks"]
    flip(dvc.name_cache_path(copy, old))
    problem = only(fsck(copy))
    assert MASKS in problem.expected
    assert problem.repair.startswith("rm -f ")
    assert "no other copy" in problem.otherwise


def test_a_flipped_byte_comes_back_from_the_remote(copy: Path, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    set_remote(copy, tmp_path / "store")
    blob = copy / RELEASE / GROWN
    dvc.push(copy, dvc.list_cached(copy, git.list_all_outs(copy).paths) | {compute_md5(blob)})
    flip(object_of(copy, f"{RELEASE}/{GROWN}"))
    blob.unlink()
    report = fsck(copy)
    assert [problem.area for problem in report.problems] == ["release", "cache"]
    repair(copy, *reversed(report.problems))


@pytest.mark.parametrize("path", [f"{RELEASE}/{GROWN}", MASKS])
def test_a_missing_cache_object(copy: Path, path: str) -> None:
    gone = object_of(copy, path)
    gone.unlink()
    problem = only(fsck(copy))
    assert problem.path == gone.relative_to(copy).as_posix()
    assert (problem.found, path in problem.expected) == ("no file", True)
    repair(copy, problem)
    assert gone.is_file()


def test_what_an_earlier_version_lacks_is_a_note(copy: Path) -> None:
    dvc.name_cache_path(copy, revision_tables.list_tables_at(copy, "v1")["masks"]).unlink()
    report = fsck(copy)
    assert report.is_clean
    assert any("earlier versions" in note and "no remote" in note for note in report.notes)


def test_a_leftover_in_the_cache(copy: Path) -> None:
    stray = dvc.find_cache(copy) / "ab" / "tmp_half"
    stray.parent.mkdir(exist_ok=True)
    stray.write_text("half")
    problem = only(fsck(copy))
    assert problem.path.endswith("ab/tmp_half")
    repair(copy, problem)


# --- The release --------------------------------------------------------------------------------


def test_an_edited_blob(copy: Path) -> None:
    blob = copy / RELEASE / GROWN
    kept = compute_md5(blob)
    flip(blob, at=4)
    problem = only(fsck(copy))
    assert problem.path == f"{RELEASE}/{GROWN}"
    assert problem.expected == f"MD5 {kept} (index)"
    assert problem.found == f"MD5 {compute_md5(blob)}"
    assert "ispy1 repro" in problem.otherwise
    repair(copy, problem)
    assert compute_md5(blob) == kept


def test_a_missing_and_a_new_blob(copy: Path) -> None:
    (copy / RELEASE / GROWN).rename(copy / RELEASE / "masks_ftv" / "ISPY1_9050.nii.gz")
    report = fsck(copy, quick=True)
    by_path = {Path(problem.path).name: problem for problem in report.problems}
    assert by_path["ISPY1_9001.nii.gz"].found == "no file"
    assert "does not list it" in by_path["ISPY1_9050.nii.gz"].expected
    assert by_path["ISPY1_9050.nii.gz"].repair == "ispy1 repro"
    (copy / by_path["ISPY1_9050.nii.gz"].path).unlink()
    repair(copy, by_path["ISPY1_9001.nii.gz"], quick=True)


def test_a_blob_with_another_md5_than_the_publisher_states(copy: Path) -> None:
    manifest = write_manifest(copy / RELEASE)
    text = manifest.read_text()
    md5 = compute_md5(copy / RELEASE / GROWN)
    manifest.write_text(text.replace(md5, "0" * 32))
    found = [problem for problem in fsck(copy).problems if problem.area == "manifest"]
    assert [problem.path for problem in found] == [f"{RELEASE}/{GROWN}"]
    assert found[0].expected == f"MD5 {'0' * 32} (publisher)"
    assert found[0].found == f"MD5 {md5}"
    assert "adopt" in found[0].repair


def test_a_release_without_manifest_or_index_says_so(copy: Path) -> None:
    (copy / "data/index/blobs.csv").unlink()
    report = fsck(copy, quick=True)
    assert report.is_clean
    assert any("no index" in note and "what DVC keeps" in note for note in report.notes)
    flip(copy / RELEASE / GROWN, at=4)
    assert only(fsck(copy)).path == f"{RELEASE}/{GROWN}"


def test_tables_without_blobs_are_checked_all_the_same(copy: Path) -> None:
    shutil.rmtree(copy / RELEASE)
    report = fsck(copy)
    assert report.is_clean
    assert any("is not here" in note for note in report.notes)
    assert "tables" in report.checked


# --- The tables ---------------------------------------------------------------------------------


def rewrite(root: Path, recipe: str | None = None, **changes: object) -> None:
    """Write the table masks anew, with another recipe or other values in its first row."""
    path = root / MASKS
    rows, footer = read_table(path).to_pylist(), read_footer(path)
    rows[0] |= changes
    meta = {key: footer[key] for key in ("dataset", "licence", "attribution", "is_phantom")}
    write_table(masks_table.TABLE, rows, path, meta={**meta, "recipe": recipe or footer["recipe"]})


def forget_lock(root: Path) -> None:
    """As in a project whose tables DVC has never seen."""
    (root / "dvc.lock").unlink()


@pytest.mark.parametrize("lock", [True, False])
def test_files_of_cases(copy: Path, lock: bool) -> None:  # noqa: FBT001  parametrized
    kept = compute_md5(copy / PART)
    if not lock:
        forget_lock(copy)
    flip(copy / PART)
    problem = only(fsck(copy))
    assert (problem.area, problem.path) == ("tables", PART)
    assert kept in problem.expected
    (copy / PART).unlink()
    stray = copy / "data/tables/voxels/case_id=ISPY1_9999"
    stray.mkdir()
    report = fsck(copy)
    assert only(report).path == stray.relative_to(copy).as_posix()
    assert any("1 of 2 files of voxels are not here" in note for note in report.notes)


def test_a_truncated_table(copy: Path) -> None:
    path = copy / MASKS
    kept = compute_md5(path)
    path.write_bytes(path.read_bytes()[:-100])
    problem = only(fsck(copy, quick=True))
    assert problem.path == MASKS
    assert kept in problem.expected
    repair(copy, problem, quick=True)
    path.write_bytes(path.read_bytes()[:-100])
    forget_lock(copy)
    alone = only(fsck(copy, quick=True))
    assert "not a readable table" in alone.found
    assert alone.repair == f"rm -f {MASKS} && ispy1 repro"


def test_an_edited_value_in_a_table(copy: Path) -> None:
    rewrite(copy, volume_cm3=1000.0)
    problem = only(fsck(copy, quick=True))
    assert (problem.path, "dvc.lock" in problem.expected) == (MASKS, True)
    repair(copy, problem, quick=True)


def test_a_table_with_a_foreign_recipe_and_one_of_another_schema(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget_lock(copy)
    own = read_footer(copy / MASKS)["recipe"]
    rewrite(copy, recipe="f" * 32)
    problem = only(fsck(copy, quick=True))
    assert problem.path == MASKS
    assert problem.expected == f"recipe {own} (index)"
    assert problem.found == f"recipe {'f' * 32}"
    assert problem.repair == f"rm -f {MASKS} && ispy1 repro"
    monkeypatch.setattr("etl.model.store.SCHEMA_VERSION", 0)
    rewrite(copy, recipe=own)
    assert only(fsck(copy, quick=True)).found == "schema version 0"


def test_a_row_of_a_blob_that_the_index_does_not_have(copy: Path) -> None:
    forget_lock(copy)
    own = read_table(copy / MASKS).to_pylist()[0]
    rewrite(copy, blob_md5="e" * 32)
    problem = only(fsck(copy, quick=True))
    assert problem.area == "lineage"
    assert problem.path == f"{MASKS}: {own['path']}"
    assert problem.expected == f"MD5 {own['blob_md5']} (index)"
    assert problem.found == f"MD5 {'e' * 32}"


def test_a_parquet_file_of_another_program(copy: Path) -> None:
    forget_lock(copy)
    pq.write_table(pq.read_table(copy / MASKS).replace_schema_metadata({}), copy / MASKS)
    assert "footer" in only(fsck(copy, quick=True)).expected


@pytest.mark.parametrize(
    "name", ["data/tables/masks.parquet.a1b2", "data/gate/old.parquet", "data/.phantom.tmp"]
)
def test_foreign_leftovers(copy: Path, name: str) -> None:
    (copy / name).write_text("left")
    problem = only(fsck(copy, quick=True))
    assert problem.path == name
    repair(copy, problem, quick=True)


# --- An export ----------------------------------------------------------------------------------


def test_an_export_is_compared_with_the_tables(copy: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    export(copy, out, files=["csv", "json"])  # what is not broken below is clean
    (out / "parquet" / "extra.parquet").write_text("x")
    (out / "parquet" / "cases.parquet").unlink()
    flip(out / "parquet" / "masks.parquet")
    (out / "files.csv").write_text("case_id\n")
    with duckdb.connect(str(out / "warehouse.duckdb")) as connection:
        connection.execute("update masks set volume_cm3 = 1 where mask = 'ftv'")
    found = {Path(p.path).name: p for p in fsck(copy, quick=True, export=out).problems}
    assert set(found) == {
        "extra.parquet", "cases.parquet", "masks.parquet", "files.csv", "warehouse.duckdb"
    }  # fmt: skip
    assert found["warehouse.duckdb"].found == "other rows in masks"
    assert found["cases.parquet"].found == "no file"
    assert "--files csv" in found["masks.parquet"].repair


def test_a_database_with_other_comments_or_none_is_told(tmp_path: Path) -> None:
    from etl.ask.fsck.exported import find_difference

    fresh, found = tmp_path / "fresh.duckdb", tmp_path / "found.duckdb"
    for path in (fresh, found):
        with duckdb.connect(str(path)) as connection:
            connection.execute(
                "create table t as select 1 as a, null as b; create view v as from t"
            )
    assert find_difference(found, fresh) is None
    with duckdb.connect(str(found)) as connection:
        connection.execute("comment on column t.a is 'other'")
    assert find_difference(found, fresh) == (
        "the tables, views and comments of the project", "other: main.t"
    )  # fmt: skip
    found.write_bytes(b"no database")
    told = find_difference(found, fresh)
    assert told is not None
    assert told[0] == "a DuckDB file with the tables"


def test_what_is_no_export_is_refused(past: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is no export"):
        fsck(past, quick=True, export=tmp_path)


# --- The whole ----------------------------------------------------------------------------------


def test_without_git_the_bytes_are_checked(copy: Path) -> None:
    shutil.rmtree(copy / ".git")
    flip(object_of(copy, MASKS))
    report = fsck(copy)
    assert only(report).area == "cache"
    assert any("not known" in note for note in report.notes)


def test_a_release_that_cannot_be_read_is_a_problem(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        message = "no right to read"
        raise UserError(message)

    monkeypatch.setattr(dvc, "release_hashes", refuse)
    problem = only(fsck(copy, quick=True))
    assert (problem.path, problem.found) == (RELEASE, "no right to read")


def test_nothing_to_check_is_said(project: Path) -> None:
    (project / RELEASE).rmdir()
    with pytest.raises(UserError, match="neither a release nor a table"):
        fsck(project)


def test_the_command_and_its_exit_codes(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(copy)

    def run(*words: str) -> Any:  # noqa: ANN401  typer's result
        return CliRunner().invoke(app, ["fsck", *words])

    clean = run("--quick")
    assert (clean.exit_code, clean.output.splitlines()[-1]) == (0, "clean")
    (copy / "data/tables/stray").write_text("x")
    told = run("--quick")
    assert told.exit_code == 1
    assert "repair   rm -f data/tables/stray" in told.output
    found = json.loads(run("--quick", "--json").output)
    assert found["is_clean"] is False
    assert found["problems"][0]["path"] == "data/tables/stray"


def test_many_problems_are_cut_short_for_people() -> None:
    report = Report([Problem("a", f"p{n}", "x", "y", "z") for n in range(60)])
    said = list(format_lines(report))
    assert sum(line.startswith("problem") for line in said) == 50
    assert said[-2].strip().startswith("and 10 more")
    assert said[-1] == "60 problems"
