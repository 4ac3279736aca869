"""`connect()`: the tables and views of the project in DuckDB, every one of them documented."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import duckdb

from etl import inputs, views
from etl.errors import UserError
from etl.profile import load_profile
from etl.project import TABLES, find_root

VIEWS = "sql/views"
TABLE_MODULES = Path(__file__).parent / "tables"
INPUTS_SCHEMA = "inputs"
_TYPES = {"string": "varchar", "int64": "bigint", "bool": "boolean"}

Storage = Literal["view", "table"]
Comments = dict[str, str]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that a warehouse is made of, at one version: nothing else is read to make it."""

    tables: Mapping[str, Path]
    views: Mapping[str, str]
    inputs: Mapping[str, inputs.Rows]

    @property
    def key(self) -> str:
        """A hash that differs where the warehouse would."""
        files = [(name, str(path), _stamp(path)) for name, path in sorted(self.tables.items())]
        parts = (duckdb.__version__, files, sorted(self.views.items()), sorted(self.inputs.items()))
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:24]


def _stamp(path: Path) -> tuple[int, int, int]:
    stat = path.stat()
    return (stat.st_mtime_ns, stat.st_size, stat.st_ino)


def connect(
    project: Path | None = None, *, tables: Mapping[str, object] | None = None
) -> duckdb.DuckDBPyConnection:
    """Open the warehouse: an in-memory DuckDB with every table that is built and every view.

    Args:
        project: a folder of the project (default: the current one).
        tables: tables of your own by name: the path of a csv, parquet or xlsx file, or a polars,
            pandas or Arrow table. They are copied into memory.

    Raises:
        UserError: no project here, a file that cannot be read, or a name that is taken.
    """
    root = find_root(project)
    snapshot = working_tree(root)
    connection = duckdb.connect()
    scratch = root / ".dvc" / "tmp"
    fill(connection, snapshot, cache=scratch / "ispy1" if scratch.parent.is_dir() else None)
    for name, source in (tables or {}).items():
        add_table(connection, name, source)
    return connection


def working_tree(root: Path) -> Snapshot:
    """What lies in the working tree of the project at `root`."""
    built = {path.stem: path for path in sorted((root / TABLES).glob("*.parquet"))}
    profile = load_profile(root)
    return Snapshot(built, views.read_sql(root / VIEWS), inputs.read_inputs(root, profile))


def known_tables() -> set[str]:
    """Every table of the design, built or not: one module of etl/tables each."""
    return {path.stem for path in TABLE_MODULES.glob("[a-z]*.py")}


def fill(connection: duckdb.DuckDBPyConnection, snapshot: Snapshot, *, cache: Path | None) -> None:
    """Put tables, views and comments of a snapshot into the current catalog of a connection.

    Hundreds of comments take a third of a second, a copy of a finished catalog a few milliseconds:
    so the finished catalog (definitions only, no data) is kept in the folder `cache`. It may be
    deleted at any time.
    """
    kept = cache / f"catalog-{snapshot.key}.duckdb" if cache else None
    if kept and kept.is_file() and _copy_catalog(connection, kept):
        return
    build(connection, snapshot, storage="view")
    if kept:
        _keep_catalog(connection, kept)


def _copy_catalog(connection: duckdb.DuckDBPyConnection, kept: Path) -> bool:
    here = _identifier(_current_catalog(connection))
    try:
        connection.execute(
            f"attach {literal(str(kept))} as kept (read_only); "
            f"copy from database kept to {here}; detach kept"
        )
    except duckdb.Error:  # a damaged or foreign file: it is made again
        kept.unlink(missing_ok=True)
        return False
    return True


def _keep_catalog(connection: duckdb.DuckDBPyConnection, kept: Path) -> None:
    here = _identifier(_current_catalog(connection))
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as scratch:
            fresh = Path(scratch) / "catalog.duckdb"
            connection.execute(
                f"attach {literal(str(fresh))} as kept; copy from database {here} to kept; "
                "detach kept"
            )
            for old in kept.parent.glob("catalog-*.duckdb"):
                old.unlink(missing_ok=True)
            fresh.replace(kept)
    except OSError:  # a read-only project is as good, only slower
        return


def _current_catalog(connection: duckdb.DuckDBPyConnection) -> str:
    row = connection.execute("select current_catalog()").fetchone()
    return str(row[0]) if row else "memory"
