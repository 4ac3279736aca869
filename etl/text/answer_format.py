"""The form of an answer: table, CSV, JSON, Parquet or Markdown."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, cast, get_args

from etl.model.errors import UserError

Format = Literal["table", "csv", "json", "parquet", "markdown"]
SUFFIXES = {
    ".csv": "csv", ".json": "json", ".parquet": "parquet", ".pq": "parquet", ".md": "markdown",
    ".tsv": "tsv", ".xls": "xls", ".xlsx": "xlsx",  # forms that we do not write
}  # fmt: skip


def choose_format(asked: str | None, output: Path | None) -> Format:
    """Return the form of an answer: what was asked for, else what the file's suffix says.

    Raises:
        UserError: an unknown form, a suffix that says none, or one that contradicts.
    """
    forms = get_args(Format)
    if asked is not None and asked not in forms:
        message = f"--format {asked}: expected one of {', '.join(forms)}."
        raise UserError(message)
    of_suffix = SUFFIXES.get(output.suffix.lower()) if output else None
    if asked and of_suffix and asked != of_suffix:
        message = f"{output}: is {asked} by --format and {of_suffix} by its suffix. Change one."
        raise UserError(message)
    if output and not asked and of_suffix not in forms:
        suffixes = ", ".join(suffix for suffix, form in SUFFIXES.items() if form in forms)
        message = f"{output}: its suffix names no form ({suffixes} do). Say --format too."
        raise UserError(message)
    return cast("Format", asked or of_suffix or "table")
