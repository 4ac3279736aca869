"""A view of a user's own that is broken hurts itself alone."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
from made.small import make_project

import etl
from etl.ask.fsck import fsck
from etl.model.errors import UserError
from etl.warehouse import query

HEADER = "-- Mine.\n-- grain: one row per case\n-- columns:\n--   case_id: Case\n"


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        (f"{HEADER}select nope from masks\n", 'Referenced column "nope" not found'),
        (f"{HEADER}selct case_id from masks\n", "syntax error"),
        ("select case_id from masks\n", "the header needs a purpose"),
    ],
    ids=["a column that is not there", "no SQL", "no header"],
)
def test_a_broken_view_hurts_itself_alone(tmp_path: Path, sql: str, reason: str) -> None:
    root = make_project(tmp_path / "p", views=("volumes",))
    (root / "sql/views/mine.sql").write_text(sql)
    (root / "sql/views/on_mine.sql").write_text(f"{HEADER}select case_id from mine\n")
    for _ in range(2):  # every time, not only the first
        with pytest.warns(UserWarning, match=f"sql/views/mine.sql is broken: .*{reason}"):
            assert list(query.run("select count(*) from volumes", root).rows()) == [(5,)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(UserError, match=reason):
            query.run("from mine", root)
        with etl.connect(root) as db:
            (comment,) = db.execute(
                "select comment from duckdb_views() where view_name = 'mine'"
            ).fetchall()[0]
        assert comment.startswith("Broken: sql/views/mine.sql")
    told = {problem.path: problem.found for problem in fsck(root, quick=True).problems}
    assert reason in told["sql/views/mine.sql"]
    (root / "sql/views/mine.sql").unlink()
    (root / "sql/views/on_mine.sql").unlink()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        etl.connect(root).close()
