"""The unit store saves work and decides nothing: damaged, locked or gone, the build works."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import build, build_table, findings, mask_voxels, md5, table_bytes, write_nifti

from etl.build import kept_units
from etl.build.index import import_table, read_index, write_indexes
from etl.build.kept_units import TRANSIENT, keep_units, read_units
from etl.build.manifest import read_manifest
from etl.build.seed import seed_units
from etl.model import project as folders
from etl.model.findings import Finding
from etl.model.profile import load_profile
from etl.model.release import Name
from etl.model.schema import Table, parse_columns
from etl.model.store import convert_to_arrow, read_footer, read_table, table_path, write_table
from etl.tables import masks
from etl.tables.findings import TABLE as FINDINGS
from etl.tables.unit import Blob, Values, make_unit_key

FTV = "data/release/masks_ftv/ISPY1_9001.nii.gz"
STORE = ".dvc/tmp/ispy1/units.sqlite"
OTHER_MASK = "masks_ftv/ISPY1_9002.nii.gz"
CONTENTS = {"images": 12, "masks": 6}  # a mask is known by its set, too

THINGS = Table(
    name="things", grain="One row per thing", key=("name",), per="case",
    columns=parse_columns("""
        name string? Name
        number int64? Number
        size double? Size
        is_good bool? Good
        day date? Day
        sizes list<double>? Sizes
        names list<string>? Names
    """),
)  # fmt: skip
OTHERS = replace(THINGS, name="others")
TEXTS = st.text(st.characters(codec="utf-8"), max_size=5)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.none() | TEXTS,
            "number": st.none() | st.integers(-(2**63), 2**63 - 1),
            "size": st.none() | st.floats(),
            "is_good": st.none() | st.booleans(),
            "day": st.none() | st.dates(),
            "sizes": st.none() | st.lists(st.floats(), max_size=3),
            "names": st.none() | st.lists(TEXTS, max_size=3),
        }
    )
)


def things(*names: str, checks: Sequence[str] = ()) -> Values:
    blank = dict.fromkeys(THINGS.names)
    rows = convert_to_arrow(THINGS, [{**blank, "name": name} for name in names])
    return Values(rows, [finding(check) for check in checks])


def finding(check: str = "forms_disagree") -> Finding:
    return Finding("masks", "critical", check, "o", "e", "l", "f")


def names_of(units: Mapping[str, Values]) -> dict[str, list[str]]:
    return {content: unit.rows["name"].to_pylist() for content, unit in units.items()}


@given(rows=ROWS)
def test_what_is_kept_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]
) -> None:
    """NaN as NaN, and -0.0 as -0.0: repr() tells them apart."""
    root = tmp_path_factory.getbasetemp() / "units"
    kept = Values(convert_to_arrow(THINGS, rows), [finding()])
    keep_units(root, THINGS, "r", [("c", kept)])
    unit = read_units(root, THINGS, "r")["c"]
    assert repr(unit.rows.to_pylist()) == repr(kept.rows.to_pylist())
    assert unit.rows.schema == kept.rows.schema
    assert unit.findings == kept.findings


def test_table_recipe_and_content_are_the_key(tmp_path: Path) -> None:
    one, two = things("one"), things("two", "three")
    keep_units(tmp_path, THINGS, "r", [("c", one), ("d", two)])
    keep_units(tmp_path, THINGS, "s", [("c", two)])
    keep_units(tmp_path, OTHERS, "r", [("c", two)])
    assert names_of(read_units(tmp_path, THINGS, "r")) == {"c": ["one"], "d": ["two", "three"]}
    assert names_of(read_units(tmp_path, THINGS, "s")) == {"c": ["two", "three"]}
    assert read_units(tmp_path, OTHERS, "t") == {}
    keep_units(tmp_path, THINGS, "r", [("c", two)])
    assert names_of(read_units(tmp_path, THINGS, "r"))["c"] == ["two", "three"]


@pytest.mark.parametrize("check", TRANSIENT)
def test_what_may_be_otherwise_tomorrow_is_not_kept(tmp_path: Path, check: str) -> None:
    keep_units(tmp_path, THINGS, "r", [("c", things(checks=[check])), ("d", things())])
    assert set(read_units(tmp_path, THINGS, "r")) == {"d"}


# --- a store that cannot be used ---------------------------------------------------------------


def garbage(path: Path) -> None:
    path.write_bytes(b"no database" * 1000)


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def overwritten_page(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)


def another_form(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("create table units (x)")


def no_text(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("update units set findings = cast(x'ff00fe' as text)")


def no_rows(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("update units set \"values\" = x'ff00fe'")


def empty(path: Path) -> None:
    path.write_bytes(b"")


def gone(path: Path) -> None:
    path.unlink()


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    "harm",
    [garbage, truncated, overwritten_page, another_form, no_text, no_rows, empty, gone, a_folder],
)
def test_a_damaged_store_costs_work_and_nothing_else(
    built: Path, rebuilt: Path, harm: Callable[[Path], None]
) -> None:
    for path in (rebuilt / ".dvc/tmp/ispy1").glob("units.sqlite-*"):
        path.unlink()
    harm(rebuilt / STORE)
    shutil.rmtree(rebuilt / "data/tables")
    build(rebuilt)
    assert table_bytes(rebuilt) == table_bytes(built)
    if harm is not a_folder:  # begun anew
        shutil.rmtree(rebuilt / "data/tables")
        build_table(rebuilt, "images", workers=1)
        assert build_table(rebuilt, "masks", workers=1).measured == 0


def test_a_flipped_bit_is_not_believed(built: Path, rebuilt: Path) -> None:
    content = make_unit_key((Blob(Name(FTV, "mask", "ftv"), md5(rebuilt / FTV), 0),))
    with sqlite3.connect(rebuilt / STORE) as connection:
        (packed,) = connection.execute(
            'select "values" from units where content = ? and "table" = ?', (content, "masks")
        ).fetchone()
        wrong = packed[:-8] + bytes([packed[-8] ^ 1]) + packed[-7:]
        connection.execute(
            'update units set "values" = ? where content = ? and "table" = ?',
            (wrong, content, "masks"),
        )
    (rebuilt / "data/tables/masks.parquet").unlink()
    assert build_table(rebuilt, "masks", workers=1).measured == 1
    assert table_bytes(rebuilt) == table_bytes(built)


def test_a_locked_store_is_done_without(
    built: Path, rebuilt: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_units, "BUSY_S", 0.05)
    shutil.rmtree(rebuilt / "data/tables")
    before = (rebuilt / STORE).stat().st_ino
    other = sqlite3.connect(rebuilt / STORE, isolation_level=None)
    other.execute("pragma locking_mode = exclusive")
    other.execute("begin exclusive")
    build(rebuilt)
    assert table_bytes(rebuilt) == table_bytes(built)
    other.close()
    assert (rebuilt / STORE).stat().st_ino == before
    kept = read_units(rebuilt, masks.TABLE, recipe(rebuilt))
    assert len(kept) == CONTENTS["masks"]  # not taken for damaged


def test_no_place_for_a_store(tmp_path: Path) -> None:
    (tmp_path / ".dvc").write_text("a file")
    keep_units(tmp_path, THINGS, "r", [("c", things())])
    assert read_units(tmp_path, THINGS, "r") == {}


# --- the present table as a seed ---------------------------------------------------------------


def recipe(root: Path, name: str = "masks") -> str:
    return read_index(root, name, load_profile(root)).recipe.values


def seeded(root: Path, name: str = "masks") -> dict[str, Values]:
    return seed_units(root, import_table(name).TABLE, read_manifest(root), ())


@pytest.mark.parametrize("edited", ["masks", "findings"])
def test_a_table_that_was_edited_is_measured_again(rebuilt: Path, edited: str) -> None:
    """Its footer, with the recipe, is as it was; the manifest knows better."""
    before = table_bytes(rebuilt)
    path = table_path(rebuilt / folders.TABLES, edited)
    table, footer = read_table(path), read_footer(path)
    schema = {"masks": masks.TABLE, "findings": FINDINGS}[edited]
    extra = [{**finding("edited").row()}] if edited == "findings" else []
    write_table(schema, [*table.to_pylist()[:-1], *extra], path, meta=footer)
    assert path.read_bytes() != before[f"data/tables/{edited}.parquet"]
    shutil.rmtree(rebuilt / ".dvc/tmp")
    done = build_table(rebuilt, "masks", workers=1)
    assert done.measured == done.units
    build(rebuilt)
    assert table_bytes(rebuilt) == before


def test_a_key_that_flipped_is_not_believed(tmp_path: Path) -> None:
    keep_units(tmp_path, THINGS, "r", [("a", things("x"))])
    with sqlite3.connect(tmp_path / STORE) as connection:
        connection.execute("update units set content = 'b'")
    assert read_units(tmp_path, THINGS, "r") == {}


@pytest.mark.parametrize("name", ["images", "masks", "phase_fits", "recomputed_features"])
def test_the_seed_is_what_was_measured(built: Path, name: str) -> None:
    kept = read_units(built, import_table(name).TABLE, recipe(built, name))
    assert len(kept) == CONTENTS.get(name, 2)
    units = seeded(built, name)
    assert units.keys() == kept.keys()
    for content, unit in units.items():
        assert list(unit.findings) == list(kept[content].findings)
        one, other = (
            sorted(map(repr, values.rows.to_pylist())) for values in (unit, kept[content])
        )
        assert one == other
        assert unit.rows.schema == kept[content].rows.schema


def test_findings_of_a_unit_are_seeded_with_it(rebuilt: Path) -> None:
    """Forms that disagree are a finding beside a row."""
    write_nifti(
        rebuilt / FTV, mask_voxels(1, "stv_manual"), forms="qs", srow_x=[0, 0, 1, 65], scl_slope=1
    )
    build(rebuilt)
    assert sum(len(unit.findings) for unit in seeded(rebuilt).values()) == 1
    shutil.rmtree(rebuilt / ".dvc/tmp")
    (rebuilt / "data/release" / OTHER_MASK).write_bytes((rebuilt / FTV).read_bytes())
    write_indexes(rebuilt)
    done = build_table(rebuilt, "masks", workers=1)
    assert (done.measured, done.reasons) == (0, (f"{OTHER_MASK} changed",))
    told = {row["path"] for row in findings(rebuilt, "forms_disagree", table="masks")}
    assert told == {FTV.removeprefix("data/release/"), OTHER_MASK}


@pytest.mark.parametrize("name", ["masks", "findings"])
@pytest.mark.parametrize("content", [None, b"", b"PAR1 no table PAR1"])
def test_no_seed_without_both_files(rebuilt: Path, name: str, content: bytes | None) -> None:
    shutil.rmtree(rebuilt / ".dvc/tmp")
    path = table_path(rebuilt / folders.TABLES, name)
    path.unlink() if content is None else path.write_bytes(content)
    assert build_table(rebuilt, "masks", workers=1).measured == CONTENTS["masks"]


def test_back_to_the_pulled_table_recomputes_nothing(rebuilt: Path) -> None:
    """In a clone the store is empty; what the pulled table knew outlives its next version."""
    shutil.rmtree(rebuilt / ".dvc/tmp")
    first = (rebuilt / FTV).read_bytes()
    before = table_bytes(rebuilt)
    write_nifti(rebuilt / FTV, mask_voxels(2, "ftv"))
    write_indexes(rebuilt)
    assert build_table(rebuilt, "masks", workers=1).measured == 1
    (rebuilt / FTV).write_bytes(first)
    write_indexes(rebuilt)
    assert build_table(rebuilt, "masks", workers=1).measured == 0
    assert {k: v for k, v in table_bytes(rebuilt).items() if "masks" in k} == {
        k: v for k, v in before.items() if "masks" in k
    }
