"""Measured units, kept between builds by recipe and content, so that only what changed is read.

A SQLite file under .dvc/tmp. It may be deleted at any time.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import pyarrow as pa

from etl.findings import Finding
from etl.store import read_footer, read_table, table_path
from etl.unit import Measured, TableModule

# These say something about the disk or the moment, not about the content of the blob.
TRANSIENT = ("blob_missing", "blob_unreadable", "link_leaves_release", "measuring_failed")
_TABLE = """
create table if not exists units (
    "table" text, recipe text, content text, measured text,
    primary key ("table", recipe, content)
) without rowid
"""


@contextmanager
def open_units(root: Path) -> Iterator[sqlite3.Connection]:
    """The store of a project; a damaged one is begun anew."""
    path = root / ".dvc" / "tmp" / "ispy1" / "units.sqlite"
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        connection = _connect(path)
    except sqlite3.DatabaseError:
        for name in (path, *path.parent.glob(f"{path.name}-*")):
            name.unlink(missing_ok=True)
        connection = _connect(path)
    try:
        yield connection
    finally:
        connection.close()


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=60, isolation_level=None)
    connection.execute("pragma journal_mode=wal")
    connection.execute("pragma synchronous=normal")
    connection.execute(_TABLE)
    return connection


def known_units(units: sqlite3.Connection, table: str, recipe: str) -> dict[str, Measured]:
    """Content (the blob's MD5) -> what was measured, for one table and recipe."""
    query = 'select content, measured from units where "table" = ? and recipe = ?'
    return {content: _load(text) for content, text in units.execute(query, (table, recipe))}


def keep_units(
    units: sqlite3.Connection, table: str, recipe: str, measured: Iterable[tuple[str, Measured]]
) -> None:
    """Keep what was measured, all or nothing."""
    rows = [
        (table, recipe, content, _dump(found))
        for content, found in measured
        if not any(finding.check in TRANSIENT for finding in found.findings)
    ]
    units.execute("begin immediate")
    units.executemany("insert or replace into units values (?, ?, ?, ?)", rows)
    units.execute("commit")


def _dump(found: Measured) -> str:
    return json.dumps([found.rows, [asdict(finding) for finding in found.findings]])


def _load(text: str) -> Measured:
    rows, findings = json.loads(text)
    return Measured(rows, [Finding(**finding) for finding in findings])


def seed(module: TableModule, tables: Path, findings: Path, recipe: str) -> dict[str, Measured]:
    """The units behind the present table file, where it was made by the same recipe.

    So a clone that pulled the tables measures only what has changed since.
    """
    name = module.SCHEMA.name
    files = table_path(tables, name), table_path(findings, name)
    try:
        if any(read_footer(file)["recipe"] != recipe for file in files):
            return {}
    except (OSError, KeyError, TypeError, pa.ArrowException):
        return {}  # no table, or none that can be read: there is nothing to reuse
    found = [_finding(row) for row in read_table(files[1]).to_pylist()]
    return {
        row["blob_md5"]: Measured(
            [{key: value for key, value in row.items() if key not in module.ASSEMBLED}],
            [replace(f, case_id=None, path=None) for f in found if f.path == row["path"]],
        )
        for row in read_table(files[0]).to_pylist()
    }


def _finding(row: dict[str, str]) -> Finding:
    return Finding(**{key: value for key, value in row.items() if key != "finding_id"})  # type: ignore[arg-type]
