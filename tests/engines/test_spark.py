"""Every view and macro in Apache Spark gives the rows that DuckDB gives."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest
from support import ROOT

from engines.conftest import (
    MACROS,
    QUESTIONS,
    Answer,
    Exports,
    check_equal,
    need,
)
from etl.warehouse.views import find_relations, read_sql

Schemas = dict[str, Path]


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    sql = need("pyspark.sql")
    if not shutil.which("java"):
        pytest.skip("Java is not installed: Apache Spark needs Java 17")
    options = {
        "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.sql.warehouse.dir": str(tmp_path_factory.mktemp("spark")),
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.shuffle.partitions": "1",
        # What is worth its time for large tables, or for whoever watches.
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.constraintPropagation.enabled": "false",
        "spark.sql.lightweightPlanChangeValidation": "false",
        "spark.sql.ui.explainMode": "simple",
        # The tables are small: all the time went into compilers.
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        "spark.log.level": "OFF",
    }
    session = sql.SparkSession.builder.master("local[2]").config(map=options).getOrCreate()
    yield session
    session.stop()


@pytest.fixture(scope="module")
def schemas(spark: Any, exports: Exports, empty: set[str]) -> Schemas:  # noqa: ANN401
    """The schemas of both projects: one made as the README says, one with what is asked there."""
    phantom, small = exports.write("spark")
    (exports.folder / "own").mkdir()
    (exports.folder / "own/spark").symlink_to(phantom)
    (block,) = re.findall(r"```python\n([^`]+pyspark[^`]+)```", (ROOT / "README.md").read_text())
    with chdir(exports.folder):
        exec(block, {})  # noqa: S102  the README's
    script = (small / "views.spark.sql").read_text()
    unused = set(read_sql(ROOT / "sql/views")) - list_read(empty)
    for statement in re.sub(r"\bispy1\b", "small", script).strip(";\n").split(";\n"):
        made = re.match(r"\s*create or replace (?:view|function) (\w+)", statement)
        if not made or made[1] not in {*unused, *(macro.partition("(")[0] for macro in MACROS)}:
            spark.sql(statement)
    return {"ispy1": exports.phantom, "small": exports.small}


@pytest.fixture(scope="module")
def answers(
    spark: Any,  # noqa: ANN401
    schemas: Schemas,
    empty: set[str],
) -> dict[str, Answer]:
    """What Spark answers, two questions at a time: planning takes longest."""
    del schemas

    def ask_where_rows_are(question: str) -> Answer:
        return ask(spark, "small" if question in empty else "ispy1", question)

    with ThreadPoolExecutor(2) as pool:
        return dict(zip(QUESTIONS, pool.map(ask_where_rows_are, QUESTIONS), strict=True))


def list_read(names: set[str]) -> set[str]:
    """Return these views and those that they read."""
    texts = read_sql(ROOT / "sql/views")
    below = {relation for name in names for relation in find_relations(texts[name])} & texts.keys()
    return names | (list_read(below) if below else set())


def ask(spark: Any, schema: str, question: str) -> Answer:  # noqa: ANN401
    table = spark.sql(f"select * from {schema}.{question}").toArrow()
    return table.column_names, [tuple(row.values()) for row in table.to_pylist()]


@pytest.mark.parametrize("question", QUESTIONS)
def test_rows_are_those_of_duckdb(
    answers: dict[str, Answer], exports: Exports, empty: set[str], question: str
) -> None:
    expected = exports.ask(exports.small if question in empty else exports.phantom, question)
    assert expected[1]
    check_equal(expected, answers[question])


@pytest.mark.parametrize("table", ["masks", "voxels", "cases", "kinetics"])
def test_tables_are_read_whole(
    spark: Any,  # noqa: ANN401
    schemas: Schemas,
    exports: Exports,
    table: str,
) -> None:
    for schema, root in schemas.items():
        check_equal(exports.ask(root, table), ask(spark, schema, table))


def test_comments(spark: Any, schemas: Schemas) -> None:  # noqa: ANN401
    del schemas
    for name in ("masks", "volumes"):
        rows = spark.sql(f"describe table extended ispy1.{name}").collect()
        said = {row["col_name"]: row["comment"] or row["data_type"] for row in rows}
        assert "Grain: One row" in said["Comment"]
        assert said["case_id"].startswith("The subject")
