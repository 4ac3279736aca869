"""A workbook of the user's own, as a table beside those of the warehouse."""

from __future__ import annotations

from pathlib import Path

from etl.model.errors import BadInputError, UserError


def read_own_workbook(path: Path) -> object:
    """Return the first sheet of a user's own workbook as a polars frame.

    Raises:
        UserError: it is no workbook, or its first sheet no table.
    """
    import polars as pl  # a third of a second that only a workbook pays

    from etl.read.workbook import read_rows

    try:
        header, *rows = read_rows(path) or [[]]
    except BadInputError as error:
        message = f"{path}: cannot be read as a workbook ({error.observed}). Save it as xlsx again."
        raise UserError(message) from error
    names = [
        f"column_{n}" if name is None else str(name).strip() for n, name in enumerate(header, 1)
    ]
    cells = [(row + [None] * len(names))[: len(names)] for row in rows]
    try:
        return pl.DataFrame(
            cells, schema=names, orient="row", infer_schema_length=None, strict=False
        )
    except pl.exceptions.PolarsError as error:
        message = f"{path}: is no table ({error}). The first row names the columns, each once."
        raise UserError(message) from error
