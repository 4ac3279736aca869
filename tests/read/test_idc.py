"""The slice of the Imaging Data Commons: read as it is, or refused in a sentence."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import Row, series_row, write_slice

from etl.model.errors import BadInputError
from etl.read import idc
from etl.read.idc import COLUMNS, read_slice

ROWS = [series_row(f"2.25.{n}", SeriesDescription=f"series {n}") for n in range(200)]


def table(rows: list[Row] | None = None) -> pa.Table:
    return pa.Table.from_pylist(rows or ROWS, pa.schema(list(COLUMNS.items())))


def with_column(name: str, values: Any) -> pa.Table:  # noqa: ANN401
    whole = table()
    return whole.set_column(whole.schema.get_field_index(name), name, values)


def refused(path: Path) -> BadInputError:
    with pytest.raises(BadInputError) as caught:
        read_slice(path)
    assert caught.value.check == "slice_unreadable"
    assert "ispy1 idc" in caught.value.fix
    return caught.value


def test_cells_are_read_as_they_are(tmp_path: Path) -> None:
    blank: dict[str, Any] = {name: None for name in COLUMNS if name != "SeriesInstanceUID"}
    rows = [series_row("2.25.1"), series_row("2.25.2", **blank)]
    assert read_slice(write_slice(tmp_path / "s.parquet", rows)) == rows
    assert read_slice(write_slice(tmp_path / "none.parquet", [])) == []


@pytest.mark.parametrize(
    "kind", [pa.large_string(), pa.dictionary(pa.int32(), pa.large_string()), pa.string_view()]
)
def test_other_forms_of_text(tmp_path: Path, kind: pa.DataType) -> None:
    found = with_column("Modality", pa.array(["MR"] * len(ROWS)).cast(kind))
    pq.write_table(found, tmp_path / "s.parquet")
    assert read_slice(tmp_path / "s.parquet") == ROWS


def test_days_of_a_later_index_may_be_dates(tmp_path: Path) -> None:
    days = pa.array(["1985-04-13"] * len(ROWS)).cast(pa.date32())
    pq.write_table(with_column("StudyDate", days), tmp_path / "s.parquet")
    assert read_slice(tmp_path / "s.parquet") == ROWS


def test_columns_that_a_slice_does_not_have_are_left(tmp_path: Path) -> None:
    more = table().append_column("aws_bucket", pa.array(["x"] * len(ROWS)))
    pq.write_table(more.select(more.column_names[::-1]), tmp_path / "s.parquet")
    assert read_slice(tmp_path / "s.parquet") == ROWS


@pytest.mark.parametrize("name", COLUMNS)
def test_a_missing_column_is_named(tmp_path: Path, name: str) -> None:
    pq.write_table(table().drop_columns([name]), tmp_path / "s.parquet")
    assert name in refused(tmp_path / "s.parquet").observed


def test_a_column_twice(tmp_path: Path) -> None:
    double = table().append_column("Modality", pa.array(["SR"] * len(ROWS)))
    pq.write_table(double, tmp_path / "s.parquet")
    assert "Modality" in refused(tmp_path / "s.parquet").observed


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("instanceCount", "many"),
        ("series_size_MB", "large"),
        ("PatientID", b"\xff\xfe"),
        ("PatientID", ["a", "b"]),
        ("Modality", {"a": 1}),
    ],
    ids=["count", "size", "no UTF-8", "list", "struct"],
)
def test_a_column_of_another_type(tmp_path: Path, name: str, value: object) -> None:
    pq.write_table(with_column(name, pa.array([value] * len(ROWS))), tmp_path / "s.parquet")
    refused(tmp_path / "s.parquet")


@pytest.mark.parametrize("content", [b"", b"PAR1", b"<html>404</html>", b"PAR1" * 3])
def test_no_parquet_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "s.parquet").write_bytes(content)
    refused(tmp_path / "s.parquet")


def test_absent_and_a_folder(tmp_path: Path) -> None:
    refused(tmp_path / "none.parquet")
    refused(tmp_path)


def test_cut_short_anywhere(tmp_path: Path) -> None:
    content = write_slice(tmp_path / "s.parquet", ROWS).read_bytes()
    for length in range(0, len(content) - 1, max(1, len(content) // 50)):
        (tmp_path / "cut.parquet").write_bytes(content[:length])
        refused(tmp_path / "cut.parquet")


@settings(max_examples=100)
@given(data=st.data())
def test_damage_is_refused_or_gives_rows_of_the_form(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = write_slice(tmp_path_factory.mktemp("damage") / "s.parquet", ROWS[:20])
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    with contextlib.suppress(BadInputError):  # nothing else may come out
        assert all(list(row) == list(COLUMNS) for row in read_slice(path))


def test_the_whole_index_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_slice(tmp_path / "s.parquet", ROWS)
    monkeypatch.setattr(idc, "MAX_BYTES", path.stat().st_size - 1)
    assert "one collection" in refused(path).expected


def test_more_rows_than_any_collection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_slice(tmp_path / "s.parquet", ROWS)
    monkeypatch.setattr(idc, "MAX_ROWS", len(ROWS) - 1)
    assert "200 rows" in refused(path).observed
    monkeypatch.undo()
    monkeypatch.setattr(idc, "MAX_INFLATED_BYTES", 100)
    assert "after inflating" in refused(path).observed


def test_a_long_text_is_refused_while_it_is_stored_once(tmp_path: Path) -> None:
    """1 MB in a cell, the same in every row: 0.2 TB as plain text, a few kB on disk."""
    rows = 190_000
    long = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array(["x" * 2**20]))
    columns = {
        name: long if name == "SeriesDescription" else pa.nulls(rows, kind)
        for name, kind in COLUMNS.items()
    }
    pq.write_table(pa.table(columns), tmp_path / "s.parquet", compression="zstd")
    assert (tmp_path / "s.parquet").stat().st_size < 2**20
    assert "SeriesDescription of 1048576 bytes" in refused(tmp_path / "s.parquet").observed
