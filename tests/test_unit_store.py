"""The unit store saves work and decides nothing: damaged, locked or gone, the build works."""

from __future__ import annotations

import hashlib
import math
import re
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import build, lock_tables, mask_voxels, table_bytes, write_nifti

from etl import project as folders
from etl import unit_store
from etl.build import build_table
from etl.findings import Finding
from etl.index import read_index, table_module, write_indexes
from etl.profile import load_profile
from etl.release import Name
from etl.store import table_path
from etl.unit import Blob, Measured, unit_key
from etl.unit_store import TRANSIENT, keep_units, known_units, seed

FTV = "data/release/masks_ftv/ISPY1_9001.nii.gz"
STORE = ".dvc/tmp/ispy1/units.sqlite"
CONTENTS = {"images": 12, "masks": 6}  # a mask is known by its set, too

VALUES = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text()
ROWS = st.lists(st.dictionaries(st.text(max_size=5), VALUES | st.lists(st.floats()), max_size=4))


def finding(check: str = "forms_disagree") -> Finding:
    return Finding("masks", "critical", check, "o", "e", "l", "f")


def same(one: object, other: object) -> bool:
    """Equal, of one type, NaN equal to NaN, and -0.0 not to 0.0."""
    return repr(one) == repr(other)


@given(rows=ROWS)
def test_what_is_kept_comes_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]
) -> None:
    root = tmp_path_factory.getbasetemp() / "units"
    found = Measured(rows, [finding()])
    keep_units(root, "masks", "r", [("c", found)])
    assert same(known_units(root, "masks", "r"), {"c": found})


def test_table_recipe_and_content_are_the_key(tmp_path: Path) -> None:
    one, two = Measured([{"a": 1}]), Measured([{"a": 2}])
    keep_units(tmp_path, "masks", "r", [("c", one), ("d", two)])
    keep_units(tmp_path, "masks", "s", [("c", two)])
    keep_units(tmp_path, "images", "r", [("c", two)])
    assert known_units(tmp_path, "masks", "r") == {"c": one, "d": two}
    assert known_units(tmp_path, "masks", "s") == {"c": two}
    assert known_units(tmp_path, "images", "t") == {}
    keep_units(tmp_path, "masks", "r", [("c", two)])
    assert known_units(tmp_path, "masks", "r")["c"] == two


@pytest.mark.parametrize("check", TRANSIENT)
def test_what_may_be_otherwise_tomorrow_is_not_kept(tmp_path: Path, check: str) -> None:
    keep_units(tmp_path, "masks", "r", [("c", Measured([], [finding(check)])), ("d", Measured())])
    assert set(known_units(tmp_path, "masks", "r")) == {"d"}


def test_kept_all_or_nothing(tmp_path: Path) -> None:
    """A value that no unit can hold breaks the call, and leaves the store as it was."""
    with pytest.raises(TypeError):
        keep_units(
            tmp_path,
            "masks",
            "r",
            [("c", Measured([{"a": 1}])), ("d", Measured([{"a": object()}]))],
        )
    assert known_units(tmp_path, "masks", "r") == {}


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
        connection.execute("update units set measured = cast(x'ff00fe' as text)")


def empty(path: Path) -> None:
    path.write_bytes(b"")


def gone(path: Path) -> None:
    path.unlink()


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    "harm",
    [garbage, truncated, overwritten_page, another_form, no_text, empty, gone, a_folder],
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


def test_a_flipped_digit_is_not_believed(built: Path, rebuilt: Path) -> None:
    md5 = hashlib.md5((rebuilt / FTV).read_bytes()).hexdigest()  # noqa: S324  DVC's hash
    content = unit_key((Blob(Name(FTV, "mask", "ftv"), md5, 0),))
    with sqlite3.connect(rebuilt / STORE) as connection:
        (text,) = connection.execute(
            "select measured from units where content = ?", (content,)
        ).fetchone()
        wrong = re.sub(r'("voxel_count": )\d', r"\g<1>9", text)
        assert wrong != text
        connection.execute("update units set measured = ? where content = ?", (wrong, content))
    (rebuilt / "data/tables/masks.parquet").unlink()
    assert build_table(rebuilt, "masks", workers=1).measured == 1
    assert table_bytes(rebuilt) == table_bytes(built)


def test_a_locked_store_is_done_without(
    built: Path, rebuilt: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unit_store, "BUSY_S", 0.05)
    shutil.rmtree(rebuilt / "data/tables")
    before = (rebuilt / STORE).stat().st_ino
    other = sqlite3.connect(rebuilt / STORE, isolation_level=None)
    other.execute("pragma locking_mode = exclusive")
    other.execute("begin exclusive")
    build(rebuilt)
    assert table_bytes(rebuilt) == table_bytes(built)
    other.close()
    assert (rebuilt / STORE).stat().st_ino == before
    assert (
        len(known_units(rebuilt, "masks", recipe(rebuilt))) == CONTENTS["masks"]
    )  # not taken for damaged


def test_no_place_for_a_store(tmp_path: Path) -> None:
    (tmp_path / ".dvc").write_text("a file")
    keep_units(tmp_path, "masks", "r", [("c", Measured())])
    assert known_units(tmp_path, "masks", "r") == {}


# --- the present table as a seed ---------------------------------------------------------------


def recipe(root: Path, name: str = "masks") -> str:
    return read_index(root, name, load_profile(root)).recipe.values


def seeded(root: Path, name: str = "masks") -> dict[str, Measured]:
    return seed(
        table_module(name), root / folders.TABLES, root / folders.FINDINGS, recipe(root, name)
    )


@pytest.mark.parametrize("edited", [0, 1])
def test_a_table_that_was_edited_is_measured_again(rebuilt: Path, edited: int) -> None:
    """Its footer, with the recipe, is as it was; only dvc.lock knows better."""
    before = table_bytes(rebuilt)
    lock_tables(rebuilt, "masks")
    folder = (folders.TABLES, folders.FINDINGS)[edited]
    path = table_path(rebuilt / folder, "masks")
    path.write_bytes(path.read_bytes() + b"\0")
    shutil.rmtree(rebuilt / ".dvc/tmp")
    done = build_table(rebuilt, "masks", workers=1)
    assert done.measured == done.units
    assert table_bytes(rebuilt) == before


def test_a_key_that_flipped_is_not_believed(tmp_path: Path) -> None:
    keep_units(tmp_path, "masks", "r", [("a", Measured([{"x": 1}]))])
    with sqlite3.connect(tmp_path / STORE) as connection:
        connection.execute("update units set content = 'b'")
    assert known_units(tmp_path, "masks", "r") == {}


@pytest.mark.parametrize("name", ["images", "masks"])
def test_the_seed_is_what_was_measured(built: Path, name: str) -> None:
    kept = known_units(built, name, recipe(built, name))
    assert len(kept) == CONTENTS[name]
    found = seeded(built, name)
    assert found.keys() == kept.keys()
    for content, unit in found.items():
        assert same(unit.findings, kept[content].findings)
        (one,), (other,) = unit.rows, kept[content].rows
        assert one == other
        assert all(type(one[column]) is type(other[column]) for column in one)
        assert not any(isinstance(v, float) and math.isnan(v) for v in one.values())


def test_findings_of_a_unit_are_seeded_with_it(rebuilt: Path) -> None:
    """Forms that disagree are a finding beside a row."""
    write_nifti(
        rebuilt / FTV, mask_voxels(1, "stv_manual"), forms="qs", srow_x=[0, 0, 1, 65], scl_slope=1
    )
    build(rebuilt)
    before = table_bytes(rebuilt)
    assert sum(len(unit.findings) for unit in seeded(rebuilt).values()) == 1
    lock_tables(rebuilt, "masks")
    shutil.rmtree(rebuilt / ".dvc/tmp")
    assert build_table(rebuilt, "masks", workers=1).measured == 0
    assert table_bytes(rebuilt) == before


@pytest.mark.parametrize("folder", [folders.TABLES, folders.FINDINGS])
@pytest.mark.parametrize("content", [None, b"", b"PAR1 no table PAR1"])
def test_no_seed_without_both_files(rebuilt: Path, folder: str, content: bytes | None) -> None:
    path = table_path(rebuilt / folder, "masks")
    path.unlink() if content is None else path.write_bytes(content)
    assert seeded(rebuilt) == {}


def test_a_table_cut_after_its_footer_was_read_is_no_seed(rebuilt: Path) -> None:
    path = table_path(rebuilt / folders.TABLES, "masks")
    content = bytearray(path.read_bytes())
    content[4 : len(content) // 3] = b"\0" * (len(content) // 3 - 4)
    path.write_bytes(content)
    assert seeded(rebuilt) == {}


def test_another_recipe_is_no_seed(built: Path) -> None:
    tables, findings = built / folders.TABLES, built / folders.FINDINGS
    assert seed(table_module("masks"), tables, findings, "0" * 32) == {}


def test_back_to_the_pulled_table_recomputes_nothing(rebuilt: Path) -> None:
    """In a clone the store is empty; what the pulled table knew outlives its next version."""
    lock_tables(rebuilt, "masks")
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
