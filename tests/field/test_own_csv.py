"""Tables as R and a European Excel write them: numbers are numbers, and what was read is said.

DuckDB 15582 (null strings), 6690 (decimal comma).
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from etl.model.errors import UserError
from etl.warehouse.connect import RESERVED, connect
from etl.warehouse.own_table import add_table, check_name

EUROPE = "case_id;score\nISPY1_9001;9,5\nISPY1_9002;10,25\nISPY1_9003;NA\n"


@pytest.mark.parametrize(
    ("text", "kind", "values", "said"),
    [
        ('"score"\n1.5\nNA\n9.5\n', "DOUBLE", [1.5, None, 9.5], "1 null strings"),
        (EUROPE, "DOUBLE", [9.5, 10.25, None], "decimal sign"),
        ('a,score\n1,"9,5"\n2,"10,25"\n', "DOUBLE", [9.5, 10.25], "decimal sign"),
        ("score,b\n3,1\n#N/A,1\n", "BIGINT", [3, None], "are null"),
        ("score,b\n2020-01-01,1\nNA,2\n", "DATE", None, "are null"),
        ("score,b\nTRUE,1\nNA,2\n", "BOOLEAN", [True, None], "are null"),
        ("score,b\n1.5,1\n2,1\n<0.1,1\n", "VARCHAR", ["1.5", "2", "<0.1"], "1 of 3 values"),
        ('score,b\n"1,234",1\n"2,500",1\n', "VARCHAR", ["1,234", "2,500"], "1.234 or 1234"),
        ("score,b\nluminal,1\nNA,1\n", "VARCHAR", ["luminal", "NA"], "stays text"),
        ("score,b\n1.5,1\n2,1\n", "DOUBLE", [1.5, 2.0], ""),
        ("score,b\nx,1\ny,1\n", "VARCHAR", ["x", "y"], ""),
    ],
)
def test_numbers_are_numbers(
    tmp_path: Path, caplog: pytest.LogCaptureFixture,
    text: str, kind: str, values: list[object] | None, said: str,
) -> None:  # fmt: skip
    path = tmp_path / "m.csv"
    path.write_text(text)
    with duckdb.connect() as connection:
        add_table(connection, "m", path)
        read = connection.execute("select score from m")
        assert str(read.description[0][1]).upper() == kind or kind == "DATE"
        found = [value for (value,) in read.fetchall()]
    assert values is None or found == values
    assert said in caplog.text
    assert bool(said) == bool(caplog.records)


@pytest.mark.parametrize("name", ["order", "a b", "A"])
def test_a_word_of_sql_is_no_name(name: str) -> None:
    with duckdb.connect() as connection, pytest.raises(UserError, match="name"):
        check_name(connection, name)


def test_schemas_of_duckdb_are_no_versions() -> None:
    assert {"information_schema", "pg_catalog", "temp"} <= RESERVED
    assert callable(connect)
