"""Measured units, kept between builds by recipe and content, so that only what changed is read.

A SQLite file under .dvc/tmp. It saves work and decides nothing: it may be deleted at any time, a
damaged one is begun anew, and one that is locked or cannot be written is done without.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import TypeVar

import pyarrow as pa

from etl.errors import UserError
from etl.findings import Finding
from etl.release import Name
from etl.store import read_footer, read_table, scratch_folder, table_path
from etl.unit import Blob, Measured, Row, TableModule, unit_key

Answer = TypeVar("Answer")

FILE = "units.sqlite"
# In the footer of a table's findings: ids of those that no unit said. They follow from other blobs
# too (a copy, a grid), so they are never kept with a unit.
ASSEMBLED = "assembled"
BUSY_S = 10.0  # so long a build waits for another's transaction, then goes on without the store
# These say something about the disk or the moment, not about the content of the blob.
TRANSIENT = ("blob_missing", "blob_unreadable", "link_leaves_release", "measuring_failed")
# What SQLite says of a store that is sound but cannot be used now. All else is damage.
_NOT_NOW = {
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY,
}  # fmt: skip
# digest: SQLite keeps no checksum; a digit or a key that flipped would be a wrong number for ever.
_TABLE = """
create table if not exists units (
    "table" text, recipe text, content text, measured text, digest text,
    primary key ("table", recipe, content)
) without rowid
"""
_READ = 'select content, measured, digest from units where "table" = ? and recipe = ?'
_WRITE = "insert or replace into units values (?, ?, ?, ?, ?)"


def known_units(root: Path, table: str, recipe: str) -> dict[str, Measured]:
    """Content (the blob's MD5) -> what was measured, for one table and recipe."""

    def read(units: sqlite3.Connection) -> dict[str, Measured]:
        rows = units.execute(_READ, (table, recipe))
        return {
            content: _load(text)
            for content, text, digest in rows
            if _digest(table, recipe, content, text) == digest
        }

    return _ask(root, read, {})


def keep_units(
    root: Path, table: str, recipe: str, measured: Iterable[tuple[str, Measured]]
) -> None:
    """Keep what was measured, all or nothing; what may be otherwise tomorrow is left out."""
    lasting = [(content, _dump(found)) for content, found in measured if _is_lasting(found)]
    rows = [(table, recipe, content, text, _digest(table, recipe, content, text))
            for content, text in lasting]  # fmt: skip

    def write(units: sqlite3.Connection) -> None:
        units.execute("begin immediate")
        units.executemany(_WRITE, rows)
        units.execute("commit")

    _ask(root, write, None)


def _is_lasting(found: Measured) -> bool:
    return not any(finding.check in TRANSIENT for finding in found.findings)


def _ask(root: Path, work: Callable[[sqlite3.Connection], Answer], otherwise: Answer) -> Answer:
    """What `work` comes to on the store; a damaged store is begun anew, once."""
    try:
        path = scratch_folder(root) / FILE
        try:
            return _on(path, work)
        except (sqlite3.Error, ValueError, TypeError) as error:
            if _primary_code(error) in _NOT_NOW:
                return otherwise
            for name in (path, *path.parent.glob(f"{FILE}-*")):
                name.unlink(missing_ok=True)
            return _on(path, work)
    except (OSError, sqlite3.Error):
        return otherwise  # no right to write here, say: the build measures everything


def _on(path: Path, work: Callable[[sqlite3.Connection], Answer]) -> Answer:
    with closing(sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)) as units:
        units.execute("pragma journal_mode=wal")
        units.execute("pragma synchronous=normal")
        units.execute(_TABLE)
        return work(units)


def _primary_code(error: Exception) -> int:
    """SQLite's result code without its extension; 0 where it is not SQLite that complains."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _digest(*parts: str) -> str:
    """Of the key and of what stands under it."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _dump(found: Measured) -> str:
    return json.dumps([found.rows, [asdict(finding) for finding in found.findings]])


def _load(text: str) -> Measured:
    rows, findings = json.loads(text)
    return Measured(rows, [Finding(**finding) for finding in findings])


def seed(module: TableModule, tables: Path, findings: Path, recipe: str) -> dict[str, Measured]:
    """The units behind the present table file, where it was made by the same recipe.

    The caller knows that both files are as they were built (`revisions.is_locked`). So a clone
    that pulled the tables measures only what has changed since.
    """
    name = module.TABLE.name
    files = table_path(tables, name), table_path(findings, name)
    try:
        if any(read_footer(file)["values_recipe"] != recipe for file in files):
            return {}
        assembled = read_footer(files[1]).get(ASSEMBLED, ())
        rows, found = (read_table(file).to_pylist() for file in files)
        found = [row for row in found if row["finding_id"] not in assembled]
    except (OSError, KeyError, TypeError, ValueError, pa.ArrowException, UserError):
        return {}  # no table, or none that can be read: there is nothing to reuse
    units_of = _of_cases if module.TABLE.per == "case" else _of_blobs
    return units_of(module, rows, found)


def _of_blobs(module: TableModule, rows: list[Row], found: list[Row]) -> dict[str, Measured]:
    by_path: dict[str, list[Finding]] = {}
    for row in found:
        by_path.setdefault(row["path"], []).append(_finding(row))
    return {
        _content(row): Measured([_measured(module, row)], by_path.get(row["path"], []))
        for row in rows
    }


def _content(row: Row) -> str:
    """Return what a row's blob is filed under."""
    if "mask" not in row:
        return str(row["blob_md5"])
    name = Name(row["path"], "mask", row["mask"])
    return unit_key((Blob(name, row["blob_md5"], 0, row["foreground_rule"] or ""),))


def _of_cases(module: TableModule, rows: list[Row], found: list[Row]) -> dict[str, Measured]:
    """The cases without a finding of their unit. The others are measured again."""
    doubtful = {row["case_id"] for row in found}
    units: dict[str, tuple[str, Measured]] = {}
    for row in rows:
        case_id, unit = units.setdefault(row["inputs_md5"], (row["case_id"], Measured()))
        if row["case_id"] == case_id:  # another case of equal blobs has equal rows
            unit.rows.append(_measured(module, row))
    return {key: unit for key, (case_id, unit) in units.items() if case_id not in doubtful}


def _measured(module: TableModule, row: Row) -> Row:
    return {key: value for key, value in row.items() if key not in module.TABLE.assembled}


def _finding(row: Row) -> Finding:
    """A finding as the unit said it: the case and the path are assembled."""
    values = {key: value for key, value in row.items() if key != "finding_id"}
    return replace(Finding(**values), case_id=None, path=None)
