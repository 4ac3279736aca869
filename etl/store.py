"""The only place that writes or opens a table file."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from etl.errors import UserError
from etl.locks import hold_lock, lock_handle
from etl.schema import SCHEMA_VERSION, Column, Kind, TableSchema

FOOTER_KEY = b"ispy1"
ARROW_TYPES: dict[Kind, pa.DataType] = {
    "string": pa.string(),
    "bool": pa.bool_(),
    "int64": pa.int64(),
    "double": pa.float64(),
    "date": pa.date32(),
    "list<double>": pa.list_(pa.float64()),
    "list<string>": pa.list_(pa.string()),
}


def table_path(folder: Path, name: str) -> Path:
    """The file of the table `name` in a folder of tables."""
    return folder / f"{name}.parquet"


def arrow_schema(schema: TableSchema, meta: dict[str, Any]) -> pa.Schema:
    """The Arrow schema: column descriptions in the fields, table facts in the footer."""
    facts = {
        "table": schema.name,
        "grain": schema.grain,
        "key": list(schema.key),
        "schema_version": SCHEMA_VERSION,
        **meta,
        "columns": {c.name: {"meaning": c.meaning, "unit": c.unit} for c in schema.columns},
    }
    footer = {FOOTER_KEY: json.dumps(facts, sort_keys=True).encode()}
    return pa.schema([_field(column) for column in schema.columns], metadata=footer)


def _field(column: Column) -> pa.Field:
    meta = {"description": column.meaning, "unit": column.unit}
    return pa.field(column.name, ARROW_TYPES[column.kind], column.nullable, meta)


def write_table(
    schema: TableSchema, rows: list[dict[str, Any]], path: Path, *, meta: dict[str, Any]
) -> None:
    """Write one table: cast to the schema, sorted by key, whole or not at all.

    Args:
        schema: the table.
        rows: one dict a row, with exactly the schema's columns.
        path: the Parquet file; the old one stays until the new one is complete.
        meta: facts for the footer: recipe, data set, licence, attribution.

    Raises:
        UserError: a row breaks the key, a type or a not-null rule, holds a number that is not
            finite, or the disk refuses.
    """
    table = _checked(schema, rows, meta)
    write_atomically(path, lambda target: _write_parquet(table, target))


def _write_parquet(table: pa.Table, target: Path) -> None:
    pq.write_table(table, target, compression="zstd", version="2.6", store_schema=True)


def _checked(schema: TableSchema, rows: list[dict[str, Any]], meta: dict[str, Any]) -> pa.Table:
    arrow = arrow_schema(schema, meta)
    names = set(schema.names)
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
    for row in counts.to_pylist():
        if row["count_all"] > 1:
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
        with _temporary(path) as temporary:
            write(temporary)
            temporary.chmod(0o666 & ~_umask())
            _sync(temporary)
            temporary.replace(path)
        _sync(path.parent)
    except OSError as error:
        message = f"{path}: cannot be written ({error.strerror or error}). Check disk and rights."
        raise UserError(message) from error


@contextmanager
def _temporary(path: Path) -> Iterator[Path]:
    """A new temporary file, locked as long as its writer lives, and removed in the end."""
    folder, is_ours = _scratch(path)
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
    """Whether a living process writes this temporary file, has just put it in place, or may."""
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
    """Where the project keeps what is no part of any version: locks, units, temporary files."""
    folder = root / ".dvc" / "tmp" / "ispy1"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _scratch(path: Path) -> tuple[Path, bool]:
    """Where to write first, and whether that folder is the project's own scratch."""
    for folder in path.resolve().parents:
        if (folder / ".dvc").is_dir():
            return scratch_folder(folder), True
    return path.parent, False


def table_lock(
    root: Path, name: str, say: Callable[[str], None]
) -> AbstractContextManager[int | None]:
    """Hold the lock of one table; a second builder waits until the first is done, and says so.

    Raises:
        UserError: the lock file cannot be made.
    """
    try:
        path = scratch_folder(root) / f"{name}.lock"
    except OSError as error:
        message = f"{root / '.dvc/tmp'}: cannot be written ({error.strerror}). Check the rights."
        raise UserError(message) from error
    return hold_lock(path, "builds this table", say)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_table(path: Path) -> pa.Table:
    """A table file.

    Raises:
        UserError: missing or not a Parquet file.
    """
    try:
        return pq.read_table(path, partitioning=None)  # `site=UCSF/` above is no column
    except FileNotFoundError as error:
        message = f"{path}: not built yet. Run `ispy1 repro`, or `dvc pull dvc.yaml`."
        raise UserError(message) from error
    except (OSError, pa.ArrowException) as error:
        said = " ".join(str(error).split())
        message = f"{path}: not a readable table ({said}). Run `ispy1 repro --force`."
        raise UserError(message) from error


def read_footer(path: Path) -> dict[str, Any]:
    """What the footer of a table file says: table, grain, key, recipe, licence, columns."""
    facts: dict[str, Any] = json.loads(pq.read_schema(path).metadata[FOOTER_KEY])
    return facts
