"""The only place that writes or opens a table file."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from etl.model.errors import UserError
from etl.model.locks import hold_lock, lock_handle
from etl.model.project import GATE, TABLES
from etl.model.schema import SCHEMA_VERSION, Column, Kind, TableSchema

Row = dict[str, Any]

FOOTER_KEY = b"ispy1"
PARTS_OF = "parts_of"
ARROW_TYPES: dict[Kind, pa.DataType] = {
    "string": pa.string(),
    "bool": pa.bool_(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "date": pa.date32(),
    "list<double>": pa.list_(pa.float64()),
    "list<string>": pa.list_(pa.string()),
}


def table_path(folder: Path, name: str) -> Path:
    """Return the file of the table `name` in a folder of tables."""
    return folder / f"{name}.parquet"


def require_tables(root: Path) -> None:
    """Refuse a project that has no table yet.

    Raises:
        UserError: there is none.
    """
    if not any((root / TABLES).glob("*.parquet")):
        message = f"{root / TABLES}: no table is built yet. Run `ispy1 repro`."
        raise UserError(message)


def find_table(root: Path, name: str) -> Path:
    """Return where the file of a table lies, or belongs: what the gate makes has its own folder."""
    of_gate = table_path(root / GATE, name)
    return of_gate if of_gate.is_file() else table_path(root / TABLES, name)


def make_arrow_schema(schema: TableSchema, meta: dict[str, Any]) -> pa.Schema:
    """Return the Arrow schema: column descriptions in the fields, table facts in the footer."""
    facts = {"schema_version": SCHEMA_VERSION, **meta, **describe_schema(schema)}
    footer = {FOOTER_KEY: json.dumps(facts, sort_keys=True).encode()}
    return pa.schema([_make_field(column) for column in schema.columns], metadata=footer)


def describe_schema(schema: TableSchema) -> dict[str, Any]:
    """Return what a table is, as footers have it."""
    return {
        "table": schema.name,
        "grain": schema.grain,
        "key": list(schema.key),
        "columns": {c.name: {"meaning": c.meaning, "unit": c.unit} for c in schema.columns},
    }


def describe_parts(schema: TableSchema) -> dict[str, Any]:
    """Return what a footer says of the table whose files the rows of this one are about."""
    kinds = [(column.name, column.kind) for column in schema.columns]
    return {PARTS_OF: {**describe_schema(schema), "kinds": kinds}}


def _make_field(column: Column) -> pa.Field:
    meta = {"description": column.meaning, "unit": column.unit}
    return pa.field(column.name, ARROW_TYPES[column.kind], column.nullable, meta)


def write_table(
    schema: TableSchema, rows: pa.Table | Sequence[Row], path: Path, *, meta: dict[str, Any]
) -> None:
    """Write one table: cast to the schema, sorted by key, whole or not at all.

    Args:
        schema: the table.
        rows: an Arrow table or one dict per row, with exactly the schema's columns.
        path: the Parquet file; the old one stays until the new one is complete.
        meta: facts for the footer: recipe, data set, licence, attribution.

    Raises:
        UserError: a row breaks the key, a type or a not-null rule, holds a number that is not
            finite, or the disk refuses.
    """
    values = rows if isinstance(rows, pa.Table) else convert_to_arrow(schema, rows)
    table = _check_table(schema, values, meta)
    write_atomically(path, lambda target: _write_parquet(table, target))


def _write_parquet(table: pa.Table, target: Path | pa.NativeFile) -> None:
    pq.write_table(table, target, compression="zstd", version="2.6", store_schema=True)


def part_path(folder: Path, name: str, case_id: str) -> Path:
    """Return the file of one case of a table that has one per case, as Hive partitions are."""
    return folder / name / f"case_id={case_id}" / f"{name}.parquet"


def list_parts(folder: Path, name: str, held_as: str = "") -> dict[str, Path]:
    """Return case -> its file, of a table that has one per case, in a folder of tables.

    `held_as`: the name of the table's folder, where that is another one.
    """
    paths = sorted((folder / (held_as or name)).glob(f"case_id=*/{name}.parquet"))
    return {path.parent.name.removeprefix("case_id="): path for path in paths}


def serialize_part(name: str, rows: pa.Table) -> bytes:
    """Return the file of one case of a table that has one per case: same rows, same bytes.

    It says nothing of case, release or meaning: the table of these files does, once for all.
    """
    facts = json.dumps({"table": name, "schema_version": SCHEMA_VERSION}).encode()
    buffer = pa.BufferOutputStream()
    _write_parquet(rows.replace_schema_metadata({FOOTER_KEY: facts}), buffer)
    data: bytes = buffer.getvalue().to_pybytes()
    return data


def make_measured_schema(schema: TableSchema, without: Collection[str] = ()) -> pa.Schema:
    """Return names and types of a table's columns but some, all nullable."""
    columns = (column for column in schema.columns if column.name not in without)
    return pa.schema([(column.name, ARROW_TYPES[column.kind]) for column in columns])


def convert_to_arrow(
    schema: TableSchema, rows: Sequence[Row], without: Collection[str] = ()
) -> pa.Table:
    """Return rows as columns.

    Args:
        schema: the table.
        rows: one dict per row, with exactly the schema's columns, but some.
        without: the columns that the rows lack.

    Raises:
        UserError: a row lacks a column, has another one, or a value does not fit.
    """
    arrow = make_measured_schema(schema, without)
    names = set(arrow.names)
    for row in rows:
        if row.keys() != names:
            odd = ", ".join(sorted(row.keys() ^ names))
            message = f"{schema.name}: a row differs from the schema in {odd}."
            raise UserError(message)
    try:
        columns = [pa.array([row[f.name] for row in rows], f.type) for f in arrow]
    except (pa.ArrowException, KeyError, OverflowError) as error:
        message = f"{schema.name}: a value does not fit its column: {error}"
        raise UserError(message) from error
    return pa.Table.from_arrays(columns, schema=arrow)


def _check_table(schema: TableSchema, rows: pa.Table, meta: dict[str, Any]) -> pa.Table:
    odd = set(rows.column_names) ^ set(schema.names)
    if odd:
        message = f"{schema.name}: the rows differ from the schema in {', '.join(sorted(odd))}."
        raise UserError(message)
    arrow = make_arrow_schema(schema, meta)
    try:
        columns = [rows[field.name].cast(field.type) for field in arrow]
    except pa.ArrowException as error:
        message = f"{schema.name}: a value does not fit its column: {error}"
        raise UserError(message) from error
    table = pa.Table.from_arrays(columns, schema=arrow)
    _check_nulls(schema, table)
    _check_finite(schema, table)
    _check_key(schema, table)
    table = table.sort_by([(name, "ascending") for name in schema.key])
    return table.combine_chunks()


def _check_nulls(schema: TableSchema, table: pa.Table) -> None:
    for column in schema.columns:
        if not column.nullable and table[column.name].null_count:
            message = f"{schema.name}.{column.name}: {table[column.name].null_count} nulls."
            raise UserError(message)


def _check_finite(schema: TableSchema, table: pa.Table) -> None:
    for column in schema.columns:
        if column.kind in {"double", "list<double>"}:
            values = table[column.name].combine_chunks()
            flat = values.flatten() if column.kind == "list<double>" else values
            if not pc.all(pc.is_finite(flat), min_count=0).as_py():
                message = f"{schema.name}.{column.name}: a value is infinite or NaN."
                raise UserError(message)


def _check_key(schema: TableSchema, table: pa.Table) -> None:
    counts = table.group_by(list(schema.key)).aggregate([([], "count_all")])
    for row in counts.filter(pc.field("count_all") > 1).slice(0, 1).to_pylist():
        key = ", ".join(f"{name}={row[name]}" for name in schema.key)
        message = f"{schema.name}: {row['count_all']} rows have the key {key}."
        raise UserError(message)


def write_atomically(path: Path, write: Any) -> None:  # noqa: ANN401  any writer of one path
    """Call `write(temporary path)`, then put the result at `path`: fsync, rename, fsync.

    The temporary file lies under the project's .dvc/tmp where there is one, so that a killed
    build leaves nothing in an output folder. What it leaves there, the next write removes.

    Raises:
        UserError: the disk refuses (full, read-only, too large).
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _open_temporary(path) as temporary:
            write(temporary)
            temporary.chmod(0o666 & ~_read_umask())
            _sync_to_disk(temporary)
            temporary.replace(path)
        _sync_to_disk(path.parent)
    except OSError as error:
        message = f"{path}: cannot be written ({error.strerror or error}). Check disk and rights."
        raise UserError(message) from error


def write_text(path: Path, text: str) -> Path:
    """Write a text file, whole or not at all; return its path."""
    write_atomically(path, lambda target: target.write_text(text, encoding="utf-8"))
    return path


@contextmanager
def _open_temporary(path: Path) -> Iterator[Path]:
    """Yield a new temporary file, locked as long as its writer lives, and removed in the end."""
    folder, is_ours = _find_scratch(path)
    guard = os.open(folder, os.O_RDONLY)
    try:
        lock_handle(guard, wait=True)  # nobody takes our new file for a dead one
        if is_ours:
            _remove_dead(folder, path.name)
        handle, name = tempfile.mkstemp(prefix=f"{path.name}.", dir=folder)
        lock_handle(handle, wait=True)
    finally:
        os.close(guard)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)
        os.close(handle)


def _remove_dead(folder: Path, name: str) -> None:
    """Remove temporary files of this name whose writer was killed: nobody holds their lock."""
    for path in folder.iterdir():
        if path.name.startswith(f"{name}.") and not _is_written(path):
            path.unlink(missing_ok=True)


def _is_written(path: Path) -> bool:
    """Return whether a living process writes this temporary file, or has just placed it."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:  # in place by now, or another user's
        return True
    try:
        return not lock_handle(handle, wait=False)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)


def scratch_folder(root: Path) -> Path:
    """Return the folder of what is in no version: locks, units, temporary files."""
    folder = root / ".dvc" / "tmp" / "ispy1"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _find_scratch(path: Path) -> tuple[Path, bool]:
    """Return where to write first, and whether that folder is the project's own scratch."""
    for folder in path.resolve().parents:
        if (folder / ".dvc").is_dir():
            return scratch_folder(folder), True
    return path.parent, False


def build_lock(root: Path, say: Callable[[str], None]) -> AbstractContextManager[int | None]:
    """Hold the lock of the tables; a second builder waits until the first is done, and says so.

    Raises:
        UserError: the lock file cannot be made.
    """
    try:
        path = scratch_folder(root) / "tables.lock"
    except OSError as error:
        message = f"{root / '.dvc/tmp'}: cannot be written ({error.strerror}). Check the rights."
        raise UserError(message) from error
    return hold_lock(path, "builds the tables", say)


def _read_umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync_to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_table(path: Path) -> pa.Table:
    """Return a table file.

    Raises:
        UserError: missing or not a Parquet file.
    """
    try:
        with pq.ParquetFile(path) as file:  # read_table() would import pandas, for half a second
            return file.read()
    except FileNotFoundError as error:
        message = f"{path}: not built yet. Run `ispy1 repro`, or `dvc pull tables gate`."
        raise UserError(message) from error
    except (OSError, pa.ArrowException) as error:
        message_text = " ".join(str(error).split())
        message = f"{path}: not a readable table ({message_text}). Run `ispy1 repro --force`."
        raise UserError(message) from error


def read_footer(path: Path) -> dict[str, Any]:
    """Return what the footer of a table file says: table, grain, key, recipe, licence, columns."""
    facts: dict[str, Any] = json.loads(pq.read_schema(path).metadata[FOOTER_KEY])
    return facts


def list_columns(path: Path) -> list[str]:
    """Return the names of the columns of a table file, from its footer alone."""
    return list(pq.read_schema(path).names)


def read_column(path: Path, name: str) -> list[Any]:
    """Return the values of one column of a table file, which is all that is read of it."""
    with pq.ParquetFile(path) as file:
        return list(file.read([name]).column(0).to_pylist())
