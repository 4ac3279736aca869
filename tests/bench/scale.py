"""How views and reports grow: tables of 100,000 cases, repeated under new names."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

import etl
from etl.warehouse.export import export
from etl.warehouse.reports import list_reports
from etl.warehouse.sql_words import literal, quoted
from etl.warehouse.views import read_sql

N_CASES = 100_000
MEMORY = "2GB"
COPIES_AT_ONCE = 64
BESIDE = ("params.yaml", "dvc.yaml", "sql", "expectations", "splits.csv")
LEFT_OUT = ("voxel_files",)  # bench.voxels repeats these
# Every byte of the answer is made, and none is carried to Python.
WHOLE = "select count(*), bit_xor(hash(answer)) from (\n{}\n) as answer"


@contextmanager
def repeat_tables(project: Path) -> Iterator[Path]:
    """Yield a project of tables alone with so many cases: those of a built one under new names."""
    with tempfile.TemporaryDirectory(dir=project / ".dvc/tmp") as folder:
        root = Path(folder) / "project"
        _repeat_tables(project, root)
        yield root


def measure_views(root: Path, workers: int) -> Iterator[tuple[str, float | None]]:
    """Yield view or report, and seconds of the whole answer; None where it does not fit memory."""
    with etl.connect(root) as db:
        db.execute(f"set threads = {workers}; set memory_limit = '{MEMORY}'")
        db.execute(f"set temp_directory = {literal(str(root.parent / 'spill'))}")
        for name, sql in _list_questions(root, db):
            sys.stderr.write(f"DuckDB: {name}\n")
            yield name, _time(db, sql)


def measure_in_spark(root: Path, workers: int) -> Iterator[tuple[str, float | None]]:
    """Yield view, and seconds of the whole answer in Apache Spark; None where it fails."""
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    options = {
        "spark.driver.memory": MEMORY.removesuffix("B"),
        "spark.driver.host": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "OFF",
        "spark.sql.warehouse.dir": str(root.parent / "spark"),
        "spark.local.dir": str(root.parent / "spill"),
        "spark.sql.shuffle.partitions": str(4 * workers),
    }
    builder = SparkSession.builder.master(f"local[{workers}]").config(map=options)
    with builder.getOrCreate() as spark:
        views = _make_views_in_spark(spark, root)
        for name in views:
            sys.stderr.write(f"Spark: {name}\n")
            start = time.perf_counter()
            try:
                whole = spark.sql(f"select * from ispy1.{name}").write.format("noop")
                whole.mode("overwrite").save()
                yield name, time.perf_counter() - start
            except PySparkException:
                yield name, None


def _make_views_in_spark(spark: Any, root: Path) -> list[str]:  # noqa: ANN401  of an optional package
    target = root.parent / "export"
    export(root, target, dialect="spark")
    script = (target / "views.spark.sql").read_text(encoding="utf-8")
    for statement in script.strip(";\n").split(";\n"):
        spark.sql(statement)
    rows = spark.sql("show views in ispy1").collect()
    return sorted({row["viewName"] for row in rows} & read_sql(root / "sql/views").keys())


def _list_questions(root: Path, db: duckdb.DuckDBPyConnection) -> Iterator[tuple[str, str]]:
    views = db.execute("select view_name from duckdb_views() where not internal").fetchall()
    for name in sorted(read_sql(root / "sql/views").keys() & {name for (name,) in views}):
        yield name, f"from {quoted(name)}"
    for name, sql in list_reports(root).items():
        yield f"report {name}", sql.strip().rstrip(";")


def _time(db: duckdb.DuckDBPyConnection, sql: str) -> float | None:
    start = time.perf_counter()
    try:
        db.execute(WHOLE.format(sql)).fetchall()
    except (duckdb.OutOfMemoryException, duckdb.CatalogException):  # memory, a table left out
        return None
    return time.perf_counter() - start


def _repeat_tables(source: Path, root: Path) -> None:
    """Make a project of tables alone with so many cases."""
    root.mkdir()
    for name in BESIDE:
        (root / name).symlink_to(source / name)
    shutil.copytree(source / "data/gate", root / "data/gate")
    target = root / "data/tables"
    target.mkdir()
    masks = pq.read_table(source / "data/tables/masks.parquet", columns=["case_id"])
    n_copies = -(-N_CASES // len(masks["case_id"].unique()))
    for path in sorted((source / "data/tables").glob("*.parquet")):
        if path.stem not in LEFT_OUT:
            sys.stderr.write(f"table {path.stem}\n")
            _repeat_table(path, target / path.name, n_copies)


def _repeat_table(path: Path, target: Path, n_copies: int) -> None:
    schema = pq.read_schema(path)
    if "case_id" not in schema.names:
        shutil.copyfile(path, target)
        return
    columns = ", ".join(_rename(field.name, str(field.type)) for field in schema)
    with duckdb.connect() as db, pq.ParquetWriter(target, schema, compression="zstd") as writer:
        for first in range(0, n_copies, COPIES_AT_ONCE):
            last = min(first + COPIES_AT_ONCE, n_copies)
            rows = db.sql(
                f"select {columns} from range({first}, {last}) as copies(n), "
                f"read_parquet({literal(str(path))}, file_row_number = true) "
                "where case_id is not null or n = 0 order by n, file_row_number"
            )
            writer.write_table(rows.to_arrow_table().cast(schema))


def _rename(name: str, kind: str) -> str:
    """Return the SQL of a column: a case, and what names it or its bytes, is another one."""
    column = quoted(name)
    if kind not in ("string", "large_string"):
        return column
    if "md5" in name:
        return f"md5({column} || n) as {column}"
    number = "lpad(n::varchar, 5, '0')"
    renamed = f"replace({column}, case_id, replace(case_id, '_', '_' || {number}))"
    return f"coalesce({renamed}, {column}) as {column}"
