"""The files of an export for an engine: what it reads, and one script."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import duckdb

from etl.model.store import write_atomically, write_text
from etl.warehouse.connect import build
from etl.warehouse.dialects import duck, postgres, spark
from etl.warehouse.dialects.parts import PARQUET, Parts, Translate, collect_parts
from etl.warehouse.dialects.write import translate
from etl.warehouse.snapshot import Snapshot
from etl.warehouse.sql_words import literal

Dialect = Literal["spark", "postgres", "duckdb"]


@dataclass(frozen=True, slots=True)
class _Engine:
    head: str
    translate: Translate
    write_script: Callable[[Parts, Path], Iterator[str]]
    list_changes: Callable[[Parts], Iterable[tuple[str, str]]] = lambda _parts: ()


_ENGINES: Mapping[Dialect, _Engine] = {
    "spark": _Engine(
        spark.HEAD,
        partial(translate, spark.REWRITES, spark.DIALECT, keeps_pivot=True),
        spark.write_script,
        spark.list_changes,
    ),
    "postgres": _Engine(
        postgres.HEAD,
        partial(translate, postgres.REWRITES, postgres.DIALECT),
        postgres.write_script,
        postgres.list_changes,
    ),
    "duckdb": _Engine(duck.HEAD, duck.keep, duck.write_script),
}
DIALECTS = tuple(_ENGINES)


def write_for(snapshot: Snapshot, target: Path, dialect: Dialect) -> Iterator[Path]:
    """Write what an engine needs beside the Parquet files of the tables; yield each file.

    What cannot be carried over as it is stands in the script, with its reason; a warning says it.
    """
    engine = _ENGINES[dialect]
    with duckdb.connect() as connection:
        build(connection, snapshot, storage="view")
        parts = collect_parts(connection, snapshot, engine.translate)
        for table in parts.tables:
            if "." in table.source:  # no file of the project holds an input as Parquet
                query = f"from {table.source}"
                yield _copy(connection, query, target / PARQUET / table.file, "format parquet")
            if dialect == "postgres":
                query = postgres.select_rows(table)
                path = target / postgres.CSV / f"{table.name}.csv.gz"
                yield _copy(connection, query, path, "format csv, header, compression gzip")
    notes = [f"{name}: {reason}" for name, reason in engine.list_changes(parts)]
    notes += [f"{name}: is left out, as {reason}" for name, reason in parts.left_out.items()]
    for note in notes:
        warnings.warn(f"{dialect}: {note}", stacklevel=2)
    statements = map(_end_statement, engine.write_script(parts, target.resolve()))
    text = "\n".join((engine.head + _list_notes(notes), *statements))
    yield write_text(target / f"views.{dialect}.sql", text)


def _list_notes(notes: list[str]) -> str:
    if not notes:
        return "-- Everything is carried over.\n"
    return "-- Not carried over as it is:\n" + "".join(f"--   {note}\n" for note in notes)


def _end_statement(statement: str) -> str:
    return f"{statement}\n" if statement.startswith("\\") else f"{statement};\n"


def _copy(connection: duckdb.DuckDBPyConnection, query: str, path: Path, options: str) -> Path:
    write_atomically(
        path,
        lambda part: connection.execute(f"copy ({query}) to {literal(str(part))} ({options})"),
    )
    return path
