"""SQL from outside: what works, every attack, the place of an error, and the forms of output."""

from __future__ import annotations

import csv
import io
import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made.small import make_project
from support import ROOT
from typer.testing import CliRunner

from etl.cli import app
from etl.model.errors import UserError
from etl.text import output
from etl.text.answer_format import Format
from etl.warehouse import query, reports

SECRET = "secret,of,the,host"  # noqa: S105  it is a test's own


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = make_project(tmp_path_factory.mktemp("query") / "project")
    (root / "secret.csv").write_text(SECRET)
    return root


@pytest.fixture(scope="module")
def db(project: Path) -> duckdb.DuckDBPyConnection:
    return query.connect_restricted(project)


@pytest.fixture
def ask(db: duckdb.DuckDBPyConnection, project: Path) -> Callable[[str], list[tuple[Any, ...]]]:
    return lambda sql: list(query.execute(db, sql.replace("ROOT", str(project)), project).rows())


Ask = Callable[[str], list[tuple[Any, ...]]]


@pytest.mark.parametrize(
    "sql",
    [
        "select count(*) from masks",
        "from cohort",
        "with a as (select 1 as x) select * from a, range(3) -- a comment",
        "with recursive r as (select 1 as n union all select n + 1 from r where n < 3) from r",
        "(select 1 union all select 2) order by 1",
        "values (1), (2);",
        "pivot masks on mask in ('ftv', 'mine') using sum(volume_cm3)",
        "pivot masks on mask using sum(volume_cm3) group by case_id",
        "from (pivot masks on mask in ('ftv') using count(*))",
        "unpivot (select 1 as a, 2 as b) on a, b",
        "describe masks",
        "show tables",
        "summarize volumes",
        "explain select * from modelling",
        "explain analyze select count(*) from images",
        "/* first */ explain (format json) pivot masks on mask using count(*)",
        "select unnest([1, 2]) from masks",
        "select comment from duckdb_columns() where table_name = 'masks'",
        "select 'copy', 'read_csv(''/etc/passwd'')' as \"insert\"",
        "select 'é' as ü -- naïve",
    ],
)
def test_queries_run(ask: Ask, sql: str) -> None:
    assert ask(sql)


ATTACKS = [
    "copy masks to 'ROOT/out.csv'",
    "copy (select 1) to 'ROOT/data/tables/masks.parquet'",
    "copy masks from 'ROOT/secret.csv'",
    "explain copy masks to 'ROOT/out.csv'",
    "explain analyze copy masks to 'ROOT/data/tables/masks.parquet'",
    "explain/**/analyze copy masks to 'ROOT/out.csv'",
    "/* x */ explain analyze copy masks to 'ROOT/out.csv'",
    "with a as (copy masks to 'ROOT/out.csv') select 1",
    "with a as (copy masks to 'ROOT/data/tables/masks.parquet' (use_tmp_file false)) select 1",
    "explain analyze with a as (copy masks to 'ROOT/out.csv') select 1",
    "select * from (with a as (copy masks to 'ROOT/out.csv') select 1)",
    "pivot (with a as (copy masks to 'ROOT/out.csv') select 1 as b) on b using count(*)",
    "explain pivot (with a as (copy masks to 'ROOT/out.csv') select 1 as b) on b",
    "with a as (insert into masks from masks returning *) from a",
    "with a as (delete from inputs.splits returning *) from a",
    "with a as (update inputs.splits set fold = 1 returning *) from a",
    "select * from query('with a as (copy masks to ''ROOT/out.csv'') select 1')",
    "pivot \"query\"('select 1 as b') on b",
    "pivot QUERY ('select 1 as b') on b",
    "from read_csv('ROOT/secret.csv')",
    "from READ_TEXT('ROOT/secret.csv')",
    "from read_blob('ROOT/secret.csv')",
    "from 'ROOT/secret.csv'",
    "from 'ROOT/data/tables/masks.parquet'",
    "from read_parquet('ROOT/data/tables/masks.parquet')",
    "from glob('/etc/*')",
    "from sniff_csv('ROOT/secret.csv')",
    "from parquet_metadata('ROOT/data/tables/masks.parquet')",
    "describe from 'ROOT/secret.csv'",
    "summarize 'ROOT/secret.csv'",
    "select (select content from read_text('ROOT/secret.csv'))",
    "from 'https://example.org/a.parquet'",
    "from read_csv('http://127.0.0.1:1/a.csv')",
    "attach 'ROOT/a.duckdb'",
    "attach ':memory:' as b",
    "detach memory",
    "install httpfs",
    "load httpfs",
    "select getenv('HOME')",
    "from SECRET_FRAME",
    "set enable_external_access = true",
    "reset lock_configuration",
    "pragma database_list",
    "call enable_logging()",
    "from enable_logging(storage = 'file')",
    "from duckdb_secrets()",
    "from checkpoint()",
    "create table x as select 1",
    "create macro f() as table from masks",
    "create temp view v as from masks",
    "drop view cohort",
    "insert into inputs.splits values ('a', 1, null, null, 'b')",
    "delete from masks",
    "update masks set volume_cm3 = 0",
    "alter table masks rename to m",
    "truncate masks",
    "vacuum",
    "export database 'ROOT/out'",
    "import database 'ROOT/out'",
    "prepare p as select 1",
    "begin transaction",
    "use inputs",
    "select 1; select 2",
    "select 1; copy masks to 'ROOT/out.csv'",
    "",
    "-- nothing",
]
SECRET_FRAME = pl.DataFrame({"a": [1]})


@pytest.mark.parametrize("sql", ATTACKS)
def test_attacks_fail_in_one_line(
    ask: Ask, project: Path, sql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    before = _files(project)
    with pytest.raises(UserError) as caught:
        ask(sql)
    said = str(caught.value)
    assert "\n" not in said
    assert SECRET not in said
    assert _files(project) == before


def _files(project: Path) -> dict[Path, int]:
    kept = (p for p in project.rglob("*") if p.is_file() and ".dvc" not in p.parts)
    return {path: path.stat().st_mtime_ns for path in kept}


@pytest.mark.parametrize("sql", [sql for sql in ATTACKS if "ROOT" in sql])
def test_the_connection_alone_stops_every_file(
    db: duckdb.DuckDBPyConnection, project: Path, sql: str
) -> None:
    before = _files(project)
    for statement in db.extract_statements(sql.replace("ROOT", str(project))):
        try:
            rows = str(db.execute(statement).fetchall())
        except duckdb.Error as error:
            rows = str(error)
        assert SECRET not in rows
    assert _files(project) == before


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("select\n  nope\nfrom masks", "line 2, column 3: Referenced column"),
        ("select 'é', nope from masks", "line 1, column 13"),
        ("selec 1", "line 1, column 1: syntax error"),
        ("select * from mask", r'line 1, column 15: Table with name mask.*Did you mean "masks"'),
        ("explain select nope", "line 1, column 16"),
        ("describe nosuch", "line 1, column 10"),
        ("select 1,\n from read_csv('x')", r"line 2, column 7: read_csv\(\) is not allowed"),
        ("with a as (\n copy masks to 'x') select 1", "line 2, column 2: copy is not allowed"),
        ("  drop view masks", "line 1, column 3: DROP is not allowed"),
        ("select 'x'::int", "line 1, column 11: Could not convert"),
        ("install httpfs", "line 1, column 1: INSTALL is not allowed"),
        ("with a as (select 1) insert into x from a", "INSERT is not allowed"),
        ("from '/etc/passwd'", "/etc/passwd cannot be reached: .*--with NAME=FILE"),
        ("from 'mine.csv'", "mine.csv cannot be reached: .*--with NAME=FILE"),
        ("from masks where case_id = ISPY1_9001", r"Text needs single quotes: 'ISPY1_9001'\.$"),
        ('from masks m where m.mask in ("ftv")', "single quotes: 'ftv'. Candidate bindings"),
        ("from pg_clas", r"pg_clas does not exist! `ispy1 describe` lists the tables\.$"),
        ("from inputs.split", 'Did you mean "splits"'),
    ],
)
def test_an_error_has_its_place(ask: Ask, sql: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        ask(sql)


def test_a_table_that_is_not_built_has_a_hint(tmp_path: Path) -> None:
    root = make_project(tmp_path / "p", without=("gate_results",), views=("problems",))
    for name in ("gate_results", "problems"):
        with pytest.raises(UserError, match=f"{name} is not built yet. Run `ispy1 repro`"):
            query.run(f"from {name}", root)


def test_a_column_that_is_not_compared_has_no_hint_to_quotes(ask: Ask) -> None:
    with pytest.raises(UserError) as caught:
        ask("select nope from masks where mask = 'ftv'")
    assert "quotes" not in str(caught.value)


INTERRUPTED = """
import os, signal, threading
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have it ignored
from etl.warehouse import limits, query
threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
try:
    limits.interruptible(query.duckdb.connect(), lambda: None)
    connection = query.duckdb.connect()
    sql = "select count(*) from range(1000000) a, range(1000000) b where a.range * b.range % 7 = 3"
    limits.interruptible(connection, lambda: connection.execute(sql).fetchall())
except KeyboardInterrupt:
    print("interrupted")
"""


def test_a_long_query_can_be_interrupted() -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED], cwd=ROOT, capture_output=True, text=True, timeout=20,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "interrupted\n", "")


def test_no_progress_bar_gets_into_an_answer(db: duckdb.DuckDBPyConnection) -> None:
    assert db.execute("select current_setting('enable_progress_bar')").fetchone() == (False,)


@pytest.mark.parametrize("name", sorted(reports.list_reports(ROOT)))
def test_reports_run_and_have_a_title(ask: Ask, name: str) -> None:
    text = reports.find(ROOT, name)
    assert len(reports.read_title(text)) > 20
    assert ask(text) is not None


# Report, what is selected of it, and the answer: an order is part of what a report says.
ANSWERS: list[tuple[str, str, list[tuple[Any, ...]]]] = [
    ("citation", "part from report", [("cite",), ("licence",), ("attribution",)]),
    ("disagreements", "case_id, mask, reference from report limit 1",
     [("ISPY1_9002", "ftv", "stv_manual")]),  # an empty mask
    ("kinetics_by_pcr",
     "pcr, n_cases, pe_median_percent from report where mask = 'stv_manual' and subtype = 'all'",
     [(False, 1, 180.0), (True, 1, 120.0)]),
    ("kinetics_by_subtype",
     "mask, subtype, n_cases, pe_median_percent, ser_median from report",
     [("ftv", "HR+/HER2-", 1, 150.0, 1.2), ("ftv", "all", 1, 150.0, 1.2),
      ("stv_manual", "HR+/HER2-", 1, 120.0, 1.0), ("stv_manual", "TN", 1, 180.0, 1.4),
      ("stv_manual", "unknown", 1, 90.0, None), ("stv_manual", "all", 3, 120.0, 1.2)]),
    ("laterality", "* from report",
     [("ISPY1_9004", "left", "right", 50.0, False), ("ISPY1_9001", "right", "right", 50.0, True),
      ("ISPY1_9002", "left", "left", -40.0, True)]),
    ("pcr_by_subtype", "* from report where subtype in ('all', 'TN')",
     [("TN", 1, 1, 0, 0.0, 2.0, 2.0, False), ("TN", None, 1, 0, 0.0, 2.0, 2.0, True),
      ("all", None, 2, 1, 0.5, 2.0, 5.0, True)]),
    ("stretched_images",
     "case_id, is_stretched, list_transform(relative_slopes, lambda x: round(x, 9)) from report",
     [("ISPY1_9002", True, [2.0, 1.0, 1.5]), ("ISPY1_9003", None, [1.0, None, 1.0])]),
    ("trial_threshold", "* from report", [("ISPY1_9001", "GE", 70, 0.8, None, 150.0, 1.0)]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "question", "answer"), ANSWERS, ids=lambda x: str(x)[:20])
def test_what_reports_say(
    ask: Ask, name: str, question: str, answer: list[tuple[Any, ...]]
) -> None:
    assert ask(f"with report as ({reports.find(ROOT, name)}) select {question}") == answer


def test_an_unknown_report_is_met_with_the_nearest() -> None:
    with pytest.raises(UserError, match="Did you mean labels"):
        reports.find(ROOT, "label")


# Output

ODD = """select 1 as i, null as n, 'nan'::double as f, 'a|b' as s, [1, 2] as l,
    date '2020-01-31' as d, true as b, 0.1::double as x, sum(i)::hugeint as h from range(3) t(i)"""


def write(project: Path, form: Format, path: Path | None, sql: str = ODD) -> None:
    output.write(query.run(sql, project), form, path)


def test_csv(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(project, "csv", None)
    assert list(csv.reader(io.StringIO(capsys.readouterr().out))) == [
        list("infsldbxh"),
        ["1", "", "", "a|b", "[1, 2]", "2020-01-31", "true", "0.1", "3"],
    ]


def test_json(project: Path, tmp_path: Path) -> None:
    write(project, "json", tmp_path / "a.json")
    assert json.loads((tmp_path / "a.json").read_text()) == [
        {"i": 1, "n": None, "f": None, "s": "a|b", "l": [1, 2], "d": "2020-01-31"}
        | {"b": True, "x": 0.1, "h": 3}
    ]
    write(project, "json", tmp_path / "a.json", "select 1 where false")
    assert json.loads((tmp_path / "a.json").read_text()) == []


def test_markdown(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(project, "markdown", None, "select 'a|b' as s, null as n")
    assert capsys.readouterr().out == "| s | n |\n| --- | --- |\n| a\\|b |  |\n"


def test_parquet(project: Path, tmp_path: Path) -> None:
    write(project, "parquet", tmp_path / "a.parquet", "select case_id, volume_cm3 from masks")
    assert pl.read_parquet(tmp_path / "a.parquet").columns == ["case_id", "volume_cm3"]
    with pytest.raises(UserError, match="--output"):
        write(project, "parquet", None)


def test_table_is_cut_with_a_note(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(project, "table", None, "select range as n, '[bold]x[/bold]' as s from range(5000)")
    out = capsys.readouterr().out
    assert "4,900 more rows" in out
    assert "[bold]x" in out
    assert out.count("\n") < output.MAX_ROWS + 10


def test_output_that_cannot_be_written_is_named(project: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be written"):
        write(project, "csv", tmp_path / "no" / "folder.csv")


cells = st.none() | st.booleans() | st.integers() | st.floats() | st.text()


@given(st.lists(st.tuples(cells, cells), max_size=5))
def test_json_is_json_whatever_the_cells(rows: list[tuple[Any, Any]]) -> None:
    read = json.loads("".join(output.format_json(("a", "b"), rows)))
    assert len(read) == len(rows)
    for wrote, back in zip(rows, read, strict=True):
        for cell, got in zip(wrote, (back["a"], back["b"]), strict=True):
            odd = isinstance(cell, float) and not math.isfinite(cell)
            assert got is None if odd else got == cell


# Commands


@pytest.fixture
def run(project: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    monkeypatch.chdir(project)

    def call(*words: str, stdin: str | None = None) -> str:
        result = CliRunner().invoke(app, list(words), input=stdin, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return result.output

    return call


def test_sql_takes_text_a_file_and_standard_input(run: Callable[..., str], tmp_path: Path) -> None:
    sql = "select count(*) as n from cohort"
    file = tmp_path / "q.sql"
    file.write_text(sql)
    assert run("sql", sql, "--format", "csv") == "n\n5\n"
    assert run("sql", str(file), "--format", "csv") == "n\n5\n"
    assert run("sql", "-", "--format", "csv", stdin=sql) == "n\n5\n"
    assert run("sql", "--format", "csv", stdin=sql) == "n\n5\n"


@pytest.mark.parametrize("start", ["-- all of them\n", "--all of them\n", "--\n", "-- x "])
def test_a_query_may_begin_with_a_comment(run: Callable[..., str], start: str) -> None:
    sql = f"{start}\nselect count(*) as n from cohort"
    assert run("sql", sql, "--format=csv") == "n\n5\n"


@pytest.mark.parametrize("word", ["--fromat", "--fromat=csv"])
def test_an_option_that_is_none_is_refused(word: str) -> None:
    result = CliRunner().invoke(app, ["sql", word, "csv"])
    assert result.exit_code == 2
    assert "No such option: --fromat" in result.output


def test_a_plan_is_printed_as_it_is_drawn(run: Callable[..., str]) -> None:
    plan = run("sql", "explain select 1")
    assert len({len(line) for line in plan.splitlines() if line}) == 1
    assert "explain_key" not in plan


def test_sql_joins_a_file(run: Callable[..., str], tmp_path: Path) -> None:
    mine = tmp_path / "mine.csv"
    mine.write_text("case_id\nISPY1_9001\n")
    sql = "select count(*) as n from masks join mine using (case_id)"
    assert run("sql", sql, "--with", f"mine={mine}", "-f", "csv") == "n\n3\n"


@pytest.mark.parametrize(
    "words",
    [
        ("sql", "select 1", "--format", "yaml"),
        ("sql", "select 1", "--with", "mine"),
        ("sql", "missing.sql"),
        ("describe", "mask"),
        ("report", "label"),
        ("export", "out", "--files", "yaml"),
    ],
)
def test_wrong_words_are_met_with_a_sentence(
    project: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.chdir(project)
    result = CliRunner().invoke(app, list(words))
    assert isinstance(result.exception, UserError)
    assert "\n" not in str(result.exception)


def test_describe(run: Callable[..., str]) -> None:
    listed = run("describe")
    assert "inputs.splits" in listed
    assert "One row per tumour mask" in listed
    table = run("describe", "masks")
    assert "Key: case_id, mask" in table
    assert "Volume inside the marching-cubes mesh" in table
    facts = json.loads(run("describe", "volumes", "--json"))
    assert facts["grain"] == "One row per case of the release"
    assert facts["columns"][1] == {
        "name": "ftv_cm3",
        "type": "double",
        "meaning": "Functional tumour volume",
        "unit": "cm3",
    }
    assert {r["name"] for r in json.loads(run("describe", "--json"))} > {"masks", "modelling"}


def test_describe_knows_what_is_not_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(make_project(tmp_path / "p", without=("masks",), views=("volumes",)))
    for words in (("describe", "masks"), ("describe", "volumes"), ("report", "volumes")):
        result = CliRunner().invoke(app, list(words))
        assert "is not built yet. Run `ispy1 repro`" in str(result.exception)
        assert result.output == ""


def test_report_lists_and_answers(run: Callable[..., str]) -> None:
    assert "disagreements" in run("report")
    assert run("report", "labels", "--format", "csv").startswith("mask,is_expected")
