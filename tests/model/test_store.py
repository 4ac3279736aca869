"""Tables are written whole or not at all, by key, with what they mean."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.model import store
from etl.model.errors import UserError
from etl.model.schema import TableSchema, parse_columns
from etl.model.store import read_footer, read_table, table_path, write_atomically, write_table

SCHEMA = TableSchema(
    name="things",
    grain="One row per thing",
    key=("name", "number"),
    columns=parse_columns("""
        name string Name
        number int64 Number
        length_mm double? [mm] Length
        is_good bool? Good
        day date? Day
        values list<double>? Values
    """),
)
META = {"recipe": "abc", "licence": "CC0"}
Row = dict[str, Any]


def row(name: object = "a", number: object = 1, **values: object) -> Row:
    return {"name": name, "number": number, "length_mm": 0.5, "is_good": True,
            "day": dt.date(2020, 1, 2), "values": [1.0, 2.0], **values}  # fmt: skip


def write(folder: Path, rows: list[Row]) -> Path:
    path = table_path(folder, "things")
    write_table(SCHEMA, rows, path, meta=META)
    return path


def test_round_trip(tmp_path: Path) -> None:
    rows = [row("a", 1), row("b", 2, length_mm=None, is_good=None, day=None, values=None)]
    assert read_table(write(tmp_path / "new" / "folder", rows)).to_pylist() == rows


def test_footer_and_column_descriptions(tmp_path: Path) -> None:
    path = write(tmp_path, [row()])
    assert read_footer(path) == {
        "table": "things", "grain": "One row per thing", "key": ["name", "number"],
        "schema_version": 1, "recipe": "abc", "licence": "CC0",
        "columns": {c.name: {"meaning": c.meaning, "unit": c.unit} for c in SCHEMA.columns},
    }  # fmt: skip
    field = pq.read_schema(path).field("length_mm")
    assert field.metadata == {b"description": b"Length", b"unit": b"mm"}
    assert not pq.read_schema(path).field("name").nullable


def test_empty_table_keeps_its_types(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, []))
    assert table.num_rows == 0
    assert table.schema.field("day").type == pa.date32()


@given(st.permutations([row(name, number) for name in "abc" for number in (1, 2, 10)]))
def test_order_of_rows_does_not_change_the_bytes(tmp_path: Path, rows: list[Row]) -> None:
    path = write(tmp_path, sorted(rows, key=lambda r: (r["name"], r["number"])))
    before = path.read_bytes()
    assert write(tmp_path, rows).read_bytes() == before
    assert [r["number"] for r in read_table(path).to_pylist()] == [1, 2, 10] * 3


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([row(), row()], "2 rows have the key name=a, number=1"),
        ([row(), row(name=None)], "things.name: 1 nulls"),
        ([row(number=None)], "things.number: 1 nulls"),
        ([row(number="many")], "does not fit"),
        ([row(number=2**64)], "does not fit"),
        ([row(length_mm="long")], "does not fit"),
        ([row(is_good="yes")], "does not fit"),
        ([{**row(), "extra": 1}], "extra"),
        ([row(), {**row("b"), "extra": 1}], "extra"),
        ([{k: v for k, v in row().items() if k != "day"}], "day"),
        ([row(), {k: v for k, v in row("b").items() if k != "day"}], "day"),
    ],
)
def test_a_broken_contract_writes_nothing(tmp_path: Path, rows: list[Row], words: str) -> None:
    path = write(tmp_path, [row("old")])
    before = path.read_bytes()
    with pytest.raises(UserError, match="things") as caught:
        write(tmp_path, rows)
    assert words in str(caught.value)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_the_old_file_stays_when_the_writer_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, [row("old")])
    before = path.read_bytes()

    def full(table: pa.Table, target: Path) -> None:
        target.write_bytes(table.schema.to_string().encode()[:10])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "_write_parquet", full)
    with pytest.raises(UserError, match="No space left on device"):
        write(tmp_path, [row("new")])
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_any_failure_leaves_no_temporary_file(tmp_path: Path) -> None:
    def interrupted(target: Path) -> None:
        target.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "x", interrupted)
    assert list(tmp_path.iterdir()) == []


def test_temporary_files_lie_outside_the_output_folder(project: Path) -> None:
    write_atomically(project / "data/tables/x", lambda path: path.write_text(str(path.parent)))
    assert (project / "data/tables/x").read_text() == str(project / ".dvc/tmp/ispy1")


def test_rights_follow_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        path = write(tmp_path, [row()])
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o640


def test_folder_that_refuses(tmp_path: Path) -> None:
    (tmp_path / "tables").write_text("a file")
    with pytest.raises(UserError, match="cannot be written"):
        write(tmp_path / "tables", [row()])


def test_read_only_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a read-only folder refuses, which root would not be stopped by."""

    def refuse(*_: object, **__: object) -> tuple[int, str]:
        raise PermissionError(30, "Read-only file system")

    monkeypatch.setattr("etl.model.store.tempfile.mkstemp", refuse)
    with pytest.raises(UserError, match=r"\(Read-only file system\)\. Check disk and rights"):
        write(tmp_path, [row()])


def test_tables_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not built yet"):
        read_table(tmp_path / "x.parquet")
    (tmp_path / "x.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(UserError, match="not a readable table"):
        read_table(tmp_path / "x.parquet")


def test_bytes_are_stable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = write(tmp_path / "one", [row("b"), row("a")]).read_bytes()
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    two = write(tmp_path / "two", [row("a"), row("b")]).read_bytes()
    assert one == two
