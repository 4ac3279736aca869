"""Table files that lie in today's remote, as DuckDB reads them: in ranges, and none twice."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from etl.model.errors import UserError

if TYPE_CHECKING:
    from etl.versions.remote_files import RemoteFiles

# DuckDB keeps of an error in a file system of ours the traceback, as text.
_SENTENCE = re.compile(r"UserError: (.*)")


def open_files(connection: duckdb.DuckDBPyConnection, root: Path) -> RemoteFiles:
    """Let a connection read files of today's remote; what it read once it keeps in memory.

    Raises:
        UserError: no remote is set, or it cannot be used.
    """
    from etl.versions.remote_files import RemoteFiles

    files = RemoteFiles(root)
    connection.register_filesystem(files)
    connection.execute("set cache_local_files = true; set parquet_metadata_cache = true")
    return files


def find_sentence(message: str) -> str | None:
    """Return what a file of the remote said in an error of DuckDB's, if one did."""
    match = _SENTENCE.search(message)
    return match[1] if match else None


def raise_sentence(error: Exception) -> None:
    """Raise what a file of the remote said in an error of DuckDB's, if one did.

    Raises:
        UserError: one did.
    """
    if sentence := find_sentence(str(error)):
        raise UserError(sentence) from error
