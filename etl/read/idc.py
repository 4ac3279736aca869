"""The slice of the Imaging Data Commons index: one row per DICOM series, in IDC's own columns."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from etl.model.errors import BadInputError
from etl.read.source import Source, find_openable, measure_size

# IDC's spelling (idc-index-data 25). Everything else of the index is left out of a slice.
COLUMNS: dict[str, pa.DataType] = {
    "PatientID": pa.string(),
    "PatientAge": pa.string(),
    "PatientSex": pa.string(),
    "StudyInstanceUID": pa.string(),
    "StudyDate": pa.string(),
    "SeriesInstanceUID": pa.string(),
    "SeriesDate": pa.string(),
    "SeriesNumber": pa.string(),
    "SeriesDescription": pa.string(),
    "Modality": pa.string(),
    "sop_class_name": pa.string(),
    "Manufacturer": pa.string(),
    "ManufacturerModelName": pa.string(),
    "instanceCount": pa.int64(),
    "series_size_MB": pa.float64(),
    "license_short_name": pa.string(),
    "source_DOI": pa.string(),
    "crdc_series_uuid": pa.string(),
}
# The real slice has 9,877 rows in 0.5 MB, and inflates to 1.5 MB.
MAX_BYTES = 32 * 2**20
MAX_ROWS = 200_000
MAX_INFLATED_BYTES = 256 * 2**20
MAX_CELL_BYTES = 1024  # a DICOM UID or description has 64

Series = dict[str, Any]


def read_slice(source: Source) -> list[Series]:
    """Return the series of a slice, as stored: one dict per series, by the keys of COLUMNS.

    Raises:
        BadInputError: missing, no Parquet file, cut short, without a column, with a column of
            another type, or larger than any collection's slice.
    """
    try:
        size = measure_size(source)
        if size > MAX_BYTES:
            raise report_bad_slice(f"{size} bytes", f"at most {MAX_BYTES}: one collection's series")
        openable = find_openable(source)
        texts = _check_footer(pq.read_metadata(openable))
        with pq.ParquetFile(openable, read_dictionary=texts) as file:
            rows: list[Series] = _cast(file.read(columns=list(COLUMNS))).to_pylist()
    except (OSError, LookupError, ValueError, pa.ArrowException) as error:
        raise report_bad_slice(cut_error(error)) from error
    return rows


def report_bad_slice(
    observed: str, expected: str = "a Parquet file as `ispy1 idc` writes it"
) -> BadInputError:
    """Return the error for a slice that cannot be used."""
    return BadInputError(
        "slice_unreadable",
        observed=observed,
        expected=expected,
        likely_cause="a broken copy, or another file under this name",
        fix="Run `ispy1 idc` to cut the slice again.",
    )


def cut_error(error: Exception) -> str:
    """Return what a library says about a file, without what follows."""
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def find_missing_columns(names: list[str]) -> list[str]:
    """Return the columns of a slice that are not there, or are there more than once."""
    return [name for name in COLUMNS if names.count(name) != 1]


def _check_footer(meta: pq.FileMetaData) -> list[str]:
    """Refuse by what the footer says, before any row is read; the columns of text."""
    schema = meta.schema.to_arrow_schema()
    missing = find_missing_columns(schema.names)
    if missing:
        raise report_bad_slice(f"no single column {', '.join(missing)}", "the columns of a slice")
    groups = (meta.row_group(number) for number in range(meta.num_row_groups))
    inflated = sum(group.total_byte_size for group in groups)
    if meta.num_rows > MAX_ROWS or inflated > MAX_INFLATED_BYTES:
        observed = f"{meta.num_rows} rows, {inflated} bytes after inflating"
        raise report_bad_slice(observed, f"at most {MAX_ROWS} rows: one collection's series")
    return [name for name in COLUMNS if _is_text(schema.field(name).type)]


def _is_text(kind: pa.DataType) -> bool:
    return kind in (pa.string(), pa.large_string(), pa.string_view())


def _cast(table: pa.Table) -> pa.Table:
    """Return the table with plain columns of the declared types, every text checked."""
    for name in COLUMNS:
        for chunk in table[name].chunks:
            cells = getattr(chunk, "dictionary", chunk)
            if _is_text(cells.type):
                _check_cells(name, cells)
    plain = table.select(list(COLUMNS)).cast(pa.schema(list(COLUMNS.items())))
    plain.validate(full=True)
    return plain


def _check_cells(name: str, cells: pa.Array) -> None:
    """Refuse a long text while it is still stored once, and not once a row."""
    longest = pc.max(pc.binary_length(cells)).as_py() or 0
    if longest > MAX_CELL_BYTES:
        raise report_bad_slice(
            f"{name} of {longest} bytes", f"at most {MAX_CELL_BYTES} bytes a cell"
        )
