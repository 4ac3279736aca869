"""Building a table: the same bytes whatever the circumstances; one bad blob never stops a build."""

from __future__ import annotations

import hashlib
import math
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support import (
    CASES,
    FEATURES,
    build,
    build_table,
    findings,
    make_project,
    make_release,
    mask_voxels,
    rows,
    table_bytes,
    write_nifti,
)

from etl.build import recipe as recipes
from etl.build import run as builds
from etl.build.index import import_table, index_path, list_tables, read_index, write_indexes
from etl.build.kept_units import read_units
from etl.build.plan import add_needs
from etl.build.recipe import Recipe
from etl.build.run import build_tables, plan_tables
from etl.model import project as project_module
from etl.model.errors import UserError
from etl.model.profile import load_profile
from etl.model.release import parse
from etl.model.store import read_footer, table_path
from etl.tables import images, masks
from etl.tables.unit import Blob, Context, Measured, find_artefact, list_units, name_content
from etl.versions import dvc

FTV = "masks_ftv/ISPY1_9001.nii.gz"
PER = {name: import_table(name).TABLE.per for name in list_tables()}
# How many units each table measures: 12 images, 6 masks, 2 cases; one where it is the release.
UNITS = {
    name: {"images": 12, "masks": 6}.get(name, {"case": 2, "tables": 0}.get(per, 1))
    for name, per in PER.items()
}


def forget_units(root: Path) -> None:
    """No table to seed from, no unit store: everything is measured."""
    for folder in ("data/tables", ".dvc/tmp"):
        shutil.rmtree(root / folder, ignore_errors=True)


# --- the same bytes ----------------------------------------------------------------------------


def test_workers_do_not_change_a_byte(built: Path, rebuilt: Path) -> None:
    forget_units(rebuilt)
    built_now = {table.table: table.measured for table in build_tables(rebuilt, workers=2)}
    assert built_now == UNITS
    assert table_bytes(rebuilt) == table_bytes(built)


def test_place_time_zone_and_locale_do_not_change_a_byte(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    monkeypatch.setenv("LC_ALL", "tr_TR.UTF-8")
    root = make_project(tmp_path / "another place, größer")
    make_release(root / "data/release")
    build(root)
    assert table_bytes(root) == table_bytes(built)


def test_listing_order_does_not_change_a_byte(
    built: Path, rebuilt: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget_units(rebuilt)
    real = dvc.release_hashes
    monkeypatch.setattr(
        dvc, "release_hashes", lambda root, folder: dict(reversed(real(root, folder).items()))
    )
    build(rebuilt)
    assert table_bytes(rebuilt) == table_bytes(built)


# --- reuse -------------------------------------------------------------------------------------


def measured(root: Path, name: str, *, reuse: bool = True) -> int:
    write_indexes(root)
    return build_table(root, name, workers=1, reuse=reuse).measured


def test_nothing_is_measured_twice(built: Path, rebuilt: Path) -> None:
    assert not any(table.reasons for table in build_tables(rebuilt))
    again = {table.table: table.measured for table in build_tables(rebuilt, reuse=False)}
    assert again == UNITS
    assert table_bytes(rebuilt) == table_bytes(built)


def test_units_come_from_the_store_where_the_tables_are_lost(built: Path, rebuilt: Path) -> None:
    shutil.rmtree(rebuilt / "data/tables")
    again = {table.table: table.measured for table in build_tables(rebuilt, workers=1)}
    # Files of cases are too large for the store: they are read again.
    has_parts = {name for name in PER if import_table(name).TABLE.parts}
    assert {name for name, n in again.items() if n} == {
        *(name for name, per in PER.items() if per == "release"), *has_parts,
    }  # fmt: skip
    assert table_bytes(rebuilt) == table_bytes(built)


@pytest.mark.parametrize("harm", [lambda path: path.unlink(), lambda path: path.write_bytes(b"no")])
def test_a_table_that_is_not_what_was_written_is_written_again(
    built: Path, rebuilt: Path, harm: Callable[[Path], object]
) -> None:
    harm(table_path(rebuilt / "data/tables", "kinetics"))
    stale = [table.table for table in build_tables(rebuilt) if table.reasons]
    assert stale == ["kinetics"]
    assert table_bytes(rebuilt) == table_bytes(built)


def test_a_plan_says_why_and_changes_nothing(rebuilt: Path) -> None:
    write_nifti(rebuilt / "data/release" / FTV, mask_voxels(2, "ftv"))
    write_indexes(rebuilt)
    before = table_bytes(rebuilt)
    plan = {table.table: table for table in plan_tables(rebuilt)}
    assert plan["masks"].reasons == (f"{FTV} changed",)
    assert (plan["masks"].units, plan["masks"].measured) == (6, 1)
    assert plan["cases"].reasons[0] == f"{FTV} changed"
    assert not plan["images"].reasons
    assert table_bytes(rebuilt) == before


def test_a_plan_names_the_code_and_the_parameter(
    rebuilt: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    params = rebuilt / "params.yaml"
    params.write_text(params.read_text().replace("pe_min_percent: 70", "pe_min_percent: 41"))
    project_module.params.cache_clear()
    plan = {table.table: table.reasons for table in plan_tables(rebuilt)}
    assert plan["kinetics"] == ("params.yaml: kinetics.pe_min_percent changed",)
    assert sum(map(bool, plan.values())) == 1
    real = recipes._find_version
    monkeypatch.setattr(recipes, "_find_version", lambda n: "999" if n == "cc3d" else real(n))
    plan = {table.table: table.reasons for table in plan_tables(rebuilt)}
    assert plan["masks"] == ("cc3d changed",)


def test_only_what_changed_is_measured(rebuilt: Path) -> None:
    release = rebuilt / "data/release"
    write_nifti(release / FTV, mask_voxels(2, "ftv"))
    assert measured(rebuilt, "masks") == 1
    assert measured(rebuilt, "images") == 0
    reused = table_bytes(rebuilt)
    forget_units(rebuilt)
    build(rebuilt)
    assert {k: v for k, v in table_bytes(rebuilt).items() if "masks" in k} == {
        k: v for k, v in reused.items() if "masks" in k
    }


def test_moving_a_blob_measures_nothing_and_renames_its_row(rebuilt: Path) -> None:
    release = rebuilt / "data/release"
    (release / FTV).rename(release / FTV.replace("9001", "9003"))
    assert measured(rebuilt, "masks") == 0
    row = next(r for r in rows(rebuilt, "masks") if r["case_id"] == "ISPY1_9003")
    assert row["path"] == FTV.replace("9001", "9003")


def test_another_recipe_measures_all(rebuilt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("etl.build.plan.make_table_recipe", lambda *_: Recipe("0" * 32, "1" * 32))
    assert measured(rebuilt, "masks") == 6
    assert read_footer(table_path(rebuilt / "data/tables", "masks"))["recipe"] == "0" * 32
    assert measured(rebuilt, "masks") == 0


def test_another_recipe_of_the_table_alone_measures_nothing(
    rebuilt: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = read_index(rebuilt, "masks", load_profile(rebuilt)).recipe.values
    monkeypatch.setattr("etl.build.plan.make_table_recipe", lambda *_: Recipe("0" * 32, values))
    shutil.rmtree(rebuilt / ".dvc/tmp")  # the present table is enough
    assert measured(rebuilt, "masks") == 0
    assert read_footer(table_path(rebuilt / "data/tables", "masks"))["recipe"] == "0" * 32


def test_refused_blobs_stay_refused_when_reused(rebuilt: Path) -> None:
    path = rebuilt / "data/release" / FTV
    path.write_bytes(path.read_bytes()[:-9])
    assert measured(rebuilt, "masks") == 1
    first = table_bytes(rebuilt)
    assert measured(rebuilt, "masks") == 0
    assert table_bytes(rebuilt) == first


def test_a_damaged_unit_store_is_begun_anew(built: Path, rebuilt: Path) -> None:
    (rebuilt / ".dvc/tmp/ispy1/units.sqlite").write_bytes(b"no database" * 1000)
    shutil.rmtree(rebuilt / "data/tables")
    build(rebuilt)
    assert table_bytes(rebuilt) == table_bytes(built)


def test_lost_workers_are_tried_again(rebuilt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What says something about the moment, and not about the bytes, is never kept."""
    forget_units(rebuilt)
    assert measured(rebuilt, "images") == 12

    def no_memory(*_: object) -> Measured:
        raise MemoryError

    monkeypatch.setattr(masks, "measure", no_memory)
    assert measured(rebuilt, "masks") == 6
    stored = findings(rebuilt, table="masks")
    assert {row["check"] for row in stored} == {"measuring_failed"}
    assert len(stored) == 6
    monkeypatch.undo()
    assert measured(rebuilt, "masks") == 6
    assert len(rows(rebuilt, "masks")) == 6


# --- what goes wrong ---------------------------------------------------------------------------


def test_a_bad_blob_is_a_finding_and_all_others_are_built(project: Path, release: Path) -> None:
    for path in (release / "images_bias-corrected_nifti/ISPY1_9001").iterdir():
        path.write_bytes(b"")
    (release / FTV).write_bytes(b"no image")
    build(project)
    assert len(rows(project, "images")) == 9
    assert len(rows(project, "masks")) == 5
    told = findings(project)
    critical = [r for r in told if r["severity"] == "critical"]  # other tables warn: they lack it
    assert {(r["table"], r["check"], r["case_id"]) for r in critical} == {
        ("images", "blob_unreadable", "ISPY1_9001"),
        ("masks", "not_nifti", "ISPY1_9001"),
    }
    assert len(critical) == 4
    assert len({r["finding_id"] for r in told}) == len(told)


@pytest.mark.parametrize("name", ["images", "masks"])
def test_a_blob_that_changed_after_the_index_stores_nothing(
    project: Path, release: Path, name: str
) -> None:
    write_indexes(project)
    build_table(project, "images", workers=1)
    before = table_bytes(project)
    path = release / (
        FTV
        if name == "masks"
        else "images_bias-corrected_nifti/ISPY1_9001/ISPY1_9001_DCE_0000_N3.nii.gz"
    )
    original = path.read_bytes()
    write_nifti(path, mask_voxels(2, "ftv"))
    if name == "images":  # all else would come from the table
        forget_units(project)
        before = {}
    with pytest.raises(UserError, match="changed while it was read") as caught:
        build_table(project, name, workers=1)
    assert path.name in str(caught.value)
    assert table_bytes(project) == before
    write_indexes(project)
    # Nothing is filed under the hash of other bytes: before the edit, and after it.
    assert measured_paths(project, name) >= {str(path.relative_to(release))}
    path.write_bytes(original)
    write_indexes(project)
    assert measured_paths(project, name) >= {str(path.relative_to(release))}


def measured_paths(root: Path, name: str) -> set[str]:
    """The blobs that a build would have to read: none of them is filed under its hash."""
    index = read_index(root, name, load_profile(root))
    table, recipe = import_table(name).TABLE, index.recipe.values
    return {
        unit[0].path
        for unit in list_units(table.per, index.blobs)
        if name_content(unit, table.per) not in read_units(root, table, recipe)
    }


def test_a_blob_that_vanished_after_the_index(project: Path, release: Path) -> None:
    write_indexes(project)
    build_table(project, "images", workers=1)
    (release / FTV).unlink()
    with pytest.raises(UserError, match="changed while it was read"):
        build_table(project, "masks", workers=1)


def test_a_failing_disk_leaves_the_old_table(
    rebuilt: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = table_bytes(rebuilt)

    def full(*_: object, **__: object) -> tuple[int, str]:
        raise OSError(28, "No space left on device")

    (rebuilt / "data/release" / FTV).unlink()
    write_indexes(rebuilt)
    monkeypatch.setattr("etl.model.store.tempfile.mkstemp", full)
    with pytest.raises(UserError, match="No space left"):
        build_table(rebuilt, "masks", workers=1)
    assert table_bytes(rebuilt) == before


def test_without_an_index_or_with_an_unknown_table(project: Path) -> None:
    with pytest.raises(UserError, match="no usable index"):
        build_table(project, "masks")
    with pytest.raises(UserError, match="no table is built under this name"):
        build_table(project, "tumours")


def test_tables_that_a_table_needs_come_first(project: Path, release: Path) -> None:
    assert release.is_dir()
    write_indexes(project)
    with pytest.raises(UserError, match=r"images\.parquet"):
        build_table(project, "masks", workers=1)
    built = build_tables(project, add_needs(["masks"]), workers=1)
    assert [(table.table, table.rows) for table in built] == [("images", 12), ("masks", 6)]


# --- parts -------------------------------------------------------------------------------------


def blob(path: str, project: Path) -> Blob:
    return Blob(parse(path, load_profile(project)), hashlib.md5(path.encode()).hexdigest(), 1)  # noqa: S324


def test_of_doubles_the_gz_is_measured_and_the_order_does_not_matter(project: Path) -> None:
    one, two, other = (
        blob(p, project) for p in (FTV, FTV.removesuffix(".gz"), FTV.replace("9001", "9002"))
    )
    for order in ((one, two, other), (other, two, one)):
        assert list_units("blob", order) == [(one,), (other,)]
    assert list_units("blob", (two,)) == [(two,)]
    assert list_units("release", (one, two)) == [(one, two)]
    assert list_units("blob", ()) == []


def test_progress_counts_every_case(rebuilt: Path) -> None:
    seen: list[tuple[int, int]] = []
    build_table(rebuilt, "masks", workers=1, progress=lambda *n: seen.append(n), reuse=False)
    assert seen == [(1, 2), (2, 2)]


def test_what_a_build_says(rebuilt: Path) -> None:
    did = build_table(rebuilt, "images", workers=1, reuse=False)
    assert (did.table, did.rows, did.units, did.measured, did.findings) == ("images", 12, 12, 12, 0)


def test_findings_of_all_tables_are_united(project: Path, release: Path) -> None:
    (release / FTV).write_bytes(b"no image")
    (release / FEATURES).write_bytes(b"no workbook")
    (release / "notes.txt").write_text("x")
    build(project)
    found = {(r["table"], r["check"]) for r in findings(project)}
    assert found >= {
        ("masks", "not_nifti"), ("mask_agreement", "not_nifti"), ("blobs", "unknown_file"),
        ("features", "workbook_unreadable"),
    }  # fmt: skip


def test_the_artefact_that_is_used(project: Path) -> None:
    csv_file, book, below = (
        blob(p, project) for p in ("ISPY_DataPaper_features.csv", FEATURES, f"a/{FEATURES}")
    )
    profile = load_profile(project)

    def used(*blobs: Blob) -> Blob | None:
        return find_artefact(Context(project, project / "data/release", profile, blobs), "features")

    assert used(csv_file, below, book) == book
    assert used(csv_file) == csv_file
    assert used() is None


def test_measuring_knows_no_identity(built: Path) -> None:
    """A unit's values are reused under another name: they must not depend on the path."""
    profile = load_profile(built)
    context = Context(built, built / "data/release", profile, ())
    for module, path in (
        (masks, FTV),
        (images, "images_bias-corrected_nifti/ISPY1_9001/ISPY1_9001_DCE_0000_N3.nii.gz"),
    ):
        measure: Callable[..., Measured] = module.measure
        (row,) = measure((blob(path, built),), context).rows
        assert not set(row) & set(module.TABLE.assembled)
        assert set(row) | set(module.TABLE.assembled) == set(module.TABLE.names)
        assert CASES[0] not in str(row)


def test_index_is_all_that_a_table_depends_on(rebuilt: Path) -> None:
    """A clone that holds tables without blobs: nothing asks for the release, but the index."""
    shutil.rmtree(rebuilt / "data/release")
    before = table_bytes(rebuilt)
    for name in ("images", "masks"):
        assert build_table(rebuilt, name, workers=1).measured == 0
    assert index_path(rebuilt, "masks").is_file()
    assert table_bytes(rebuilt) == before


def test_an_interrupted_build_keeps_what_it_measured(
    rebuilt: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget_units(rebuilt)
    monkeypatch.setattr(builds, "KEEP_EVERY_S", math.inf)

    def interrupt(done: int, _: int) -> None:
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_table(rebuilt, "images", workers=1, progress=interrupt)
    assert measured(rebuilt, "images") == 6
