"""Measured units, kept between builds by recipe and content, so that only what changed is read.

A SQLite file under .dvc/tmp; the values of a unit are one Arrow record batch. It saves work and
decides nothing: it may be deleted at any time, a damaged one is begun anew, and one that is locked
or cannot be written is done without.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

import pyarrow as pa

from etl.model.findings import Finding
from etl.model.schema import Table
from etl.model.store import make_measured_schema, scratch_folder
from etl.tables.unit import Values

Answer = TypeVar("Answer")

FILE = "units.sqlite"
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
    "table" text, recipe text, content text, "values" blob, findings text, digest blob,
    primary key ("table", recipe, content)
) without rowid
"""
_READ = """
select content, "values", findings, digest from units where "table" = ? and recipe = ?
"""
_WRITE = "insert or replace into units values (?, ?, ?, ?, ?, ?)"


def read_units(root: Path, table: Table, recipe: str) -> dict[str, Values]:
    """Return what is kept of one table and recipe, by content (of a bare blob its MD5)."""
    schema = make_measured_schema(table, table.assembled)

    def read(units: sqlite3.Connection) -> dict[str, Values]:
        rows = units.execute(_READ, (table.name, recipe))
        return {
            content: _load(schema, packed, findings)
            for content, packed, findings, digest in rows
            if _digest(table.name, recipe, content, packed, findings) == digest
        }

    return _ask(root, read, {})


def keep_units(
    root: Path, table: Table, recipe: str, measured: Iterable[tuple[str, Values]]
) -> None:
    """Keep what was measured, all or nothing; what may be otherwise tomorrow is left out."""
    rows = []
    for content, values in measured:
        if _is_lasting(values):
            packed, findings = _dump(values)
            digest = _digest(table.name, recipe, content, packed, findings)
            rows.append((table.name, recipe, content, packed, findings, digest))

    def write(units: sqlite3.Connection) -> None:
        units.execute("begin immediate")
        units.executemany(_WRITE, rows)
        units.execute("commit")

    _ask(root, write, None)


def _is_lasting(values: Values) -> bool:
    return not any(finding.check in TRANSIENT for finding in values.findings)


def _ask(root: Path, work: Callable[[sqlite3.Connection], Answer], otherwise: Answer) -> Answer:
    """Return what `work` comes to on the store; a damaged store is begun anew, once."""
    try:
        path = scratch_folder(root) / FILE
        try:
            return _use_store(path, work)
        except (sqlite3.Error, pa.ArrowException, ValueError, TypeError) as error:
            if _read_primary_code(error) in _NOT_NOW:
                return otherwise
            for name in (path, *path.parent.glob(f"{FILE}-*")):
                name.unlink(missing_ok=True)
            return _use_store(path, work)
    except (OSError, sqlite3.Error):
        return otherwise  # no right to write here, say: the build measures everything


def _use_store(path: Path, work: Callable[[sqlite3.Connection], Answer]) -> Answer:
    with closing(sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)) as units:
        units.execute("pragma journal_mode=wal")
        units.execute("pragma synchronous=normal")
        units.execute(_TABLE)
        return work(units)


def _read_primary_code(error: Exception) -> int:
    """Return SQLite's code without its extension; 0 where SQLite does not complain."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _digest(table: str, recipe: str, content: str, packed: bytes, findings: str) -> bytes:
    """Return the hash of a key and of what stands under it."""
    key = json.dumps([table, recipe, content, findings]).encode()
    return hashlib.sha256(key + b"\0" + packed).digest()


def _dump(values: Values) -> tuple[bytes, str]:
    batch = pa.RecordBatch.from_struct_array(values.rows.to_struct_array().combine_chunks())
    findings = json.dumps([asdict(finding) for finding in values.findings])
    return batch.serialize().to_pybytes(), findings


def _load(schema: pa.Schema, packed: bytes, findings: str) -> Values:
    batch = pa.ipc.read_record_batch(pa.py_buffer(packed), schema)
    rows = pa.Table.from_batches([batch], schema)
    return Values(rows, [Finding(**finding) for finding in json.loads(findings)])
