"""From what was measured to the rows of a table: whose they are, and which blobs they are from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import cast

import numpy as np
import polars as pl
import pyarrow as pa

from etl.model.findings import Finding
from etl.model.release import name_role
from etl.model.schema import Table
from etl.model.store import convert_to_arrow, make_measured_schema
from etl.tables.unit import Assembled, Context, Row, Unit, list_units, make_unit_key

_AT_ONCE = 256  # a unit often has one row, and each column of it takes a hundred bytes more
_UNIT = "number of the unit"
_ROLE = "role of the blob"


def collect(table: Table, by_unit: Iterable[pa.Table]) -> pl.DataFrame:
    """Return the rows of all units, which come unit by unit, with the number of their unit."""
    chunks = [make_measured_schema(table, table.assembled).empty_table()]
    counts: list[int] = []
    units = iter(by_unit)
    while batch := list(islice(units, _AT_ONCE)):
        counts += [rows.num_rows for rows in batch]
        chunks.append(pa.concat_tables(batch).combine_chunks())
    rows = pa.concat_tables(chunks)
    numbers = np.repeat(np.arange(len(counts), dtype=np.int64), counts)
    frame = cast("pl.DataFrame", pl.from_arrow(rows))
    return frame.with_columns(pl.Series(_UNIT, numbers))


def identify(values: pl.DataFrame, table: Table, units: Sequence[Unit]) -> pl.DataFrame:
    """Return the rows of units with the added columns that follow from their blobs alone.

    Of a blob: case, path, MD5, size, and what its name says. Of a case: `case_id`, `inputs_md5`.
    """
    if table.per not in ("blob", "case"):
        return values.drop(_UNIT)
    describe = _describe_blob if table.per == "blob" else _describe_case
    schema = {"case_id": pl.String, "path": pl.String, "blob_md5": pl.String,
              "size_bytes": pl.Int64, "mask": pl.String, "image_set": pl.String,
              "phase": pl.Int64, "inputs_md5": pl.String}  # fmt: skip
    column_types = {name: kind for name, kind in schema.items() if name in table.adds}
    about = pl.DataFrame([describe(unit) for unit in units], column_types).with_row_index(_UNIT)
    about = about.with_columns(pl.col(_UNIT).cast(pl.Int64))
    return values.join(about, on=_UNIT, maintain_order="left").drop(_UNIT)


def _describe_blob(unit: Unit) -> Row:
    (blob,) = unit
    name = blob.name
    return {
        "case_id": name.case_id,
        "path": blob.path,
        "blob_md5": blob.md5,
        "size_bytes": blob.size_bytes,
        "mask": name.mask,
        "image_set": name.image_set,
        "phase": name.phase,
    }


def _describe_case(unit: Unit) -> Row:
    return {"case_id": unit[0].name.case_id, "inputs_md5": make_unit_key(unit)}


def add_blob_md5(
    rows: pl.DataFrame, context: Context, column: str, blob_role: pl.Expr
) -> pl.DataFrame:
    """Return rows of cases with the MD5 of one of the case's blobs; null where it has none.

    Args:
        rows: with `case_id`.
        context: its blobs are those that the table reads.
        column: the new column.
        blob_role: the role of the blob, such as `mask_ftv`; null gives null.
    """
    blobs = [
        (blob.name.case_id, name_role(blob.name), blob.md5)
        for unit in list_units("case", context.blobs)
        for blob in unit
    ]
    schema = {"case_id": pl.String, _ROLE: pl.String, column: pl.String}
    md5s = pl.DataFrame(blobs, schema, orient="row")
    keyed = rows.with_columns(blob_role.alias(_ROLE))
    return keyed.join(md5s, on=["case_id", _ROLE], how="left", maintain_order="left").drop(_ROLE)


def make_rows(table: Table, rows: Sequence[Row], findings: Sequence[Finding] = ()) -> Assembled:
    """Return rows that were made one by one as those of a table."""
    return Assembled(cast("pl.DataFrame", pl.from_arrow(convert_to_arrow(table, rows))), findings)
