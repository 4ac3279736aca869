"""Paths are no patterns (duckdb 4699, polars 19801), folders no columns, answers never half."""

from pathlib import Path

import duckdb
import pytest

from etl.model.errors import UserError
from etl.text.output import write
from etl.warehouse.limits import Budget
from etl.warehouse.own_table import add_table
from etl.warehouse.query import Result

LATE = "select i from range(200000) t(i) union all select error('late')::int from range(200000)"


@pytest.mark.parametrize("name", ["s[1]", "s*", "s?", "s{1,2}"])
@pytest.mark.parametrize("form", ["csv", "parquet", "xlsx"])
def test_path_is_literal_and_folder_is_no_column(tmp_path: Path, name: str, form: str) -> None:
    folder = tmp_path / "site=UCSF" / name
    folder.mkdir(parents=True)
    connection = duckdb.connect()
    for stem, value in ((name, 1), ("s1", 2), ("s2", 3)):
        frame = connection.sql(f"select {value} as a").pl()
        getattr(frame, "write_excel" if form == "xlsx" else f"write_{form}")(
            folder / f"{stem}.{form}"
        )
    add_table(connection, "mine", folder / f"{name}.{form}")
    cursor = connection.execute("from mine")
    assert [column[0] for column in cursor.description] == ["a"]
    assert cursor.fetchall() == [(1,)]


@pytest.mark.parametrize("name", ["order", "select"])
def test_reserved_word_is_a_sentence(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.csv").write_text("a\n1\n")
    with pytest.raises(UserError, match=name):
        add_table(duckdb.connect(), name, tmp_path / "a.csv")


@pytest.mark.parametrize("form", ["csv", "json", "table", "markdown", "parquet"])
def test_late_error_leaves_the_old_file(tmp_path: Path, form: str) -> None:
    old = tmp_path / "x"
    old.write_text("old")
    cursor = duckdb.connect().execute(LATE)
    with pytest.raises(UserError, match="late"):
        write(Result(("i",), cursor, str, Budget()), form, old)  # type: ignore[arg-type]
    assert old.read_text() == "old"
    assert list(tmp_path.iterdir()) == [old]
