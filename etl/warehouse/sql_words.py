"""Names, values and paths as SQL holds them."""

from __future__ import annotations

import re
from pathlib import Path

from etl.model import git_tables

NO_HIVE = "hive_partitioning = false"  # a folder `site=UCSF` above is no column


def literal(value: git_tables.Value) -> str:
    """Return a value as an SQL literal."""
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return "null" if value is None else str(value).lower()


def file_literal(path: Path | str) -> str:
    """Return a path as an SQL literal; `[ ] * ? {` in it match only themselves."""
    return literal(as_pattern(path))


def scan_parquet(path: Path | str) -> str:
    """Return the table function that reads one Parquet file."""
    return f"read_parquet({file_literal(path)}, {NO_HIVE})"


def scan_parts(folder: Path | str) -> str:
    """Return the table function that reads a table of one file per case, and its case_id first.

    A condition on `case_id` opens the files of these cases alone.
    """
    files = literal(f"{as_pattern(folder)}/*/*.parquet")
    hive = "hive_partitioning = true, hive_types = {'case_id': varchar}"
    return f"(select case_id, * exclude (case_id) from read_parquet({files}, {hive}))"  # noqa: S608  quoted


def find_scanned_folders(sql: str) -> list[str]:
    """Return the folders that the scan_parts() in the SQL of a view read."""
    patterns = re.findall(r"read_parquet\('((?:[^']|'')*)/\*/\*\.parquet'", sql)
    return [re.sub(r"\[(.)\]", r"\1", pattern.replace("''", "'")) for pattern in patterns]


def as_pattern(path: Path | str) -> str:
    """Return the glob pattern that matches this path alone."""
    return re.sub(r"[*?\[{]", r"[\g<0>]", str(path))


def quoted(name: str) -> str:
    """Return a name as a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'
