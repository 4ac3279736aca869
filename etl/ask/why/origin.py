"""Where a row of a table comes from: its blobs, and the code and parameters that read them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import duckdb

from etl.ask.why.model import BlobFact, RecipeFact, Row
from etl.ask.why.subject import select_rows
from etl.build.index import (
    import_table,
    list_parts_tables,
    list_tables,
    make_table_recipe,
    read_index,
    read_params_of,
)
from etl.build.recipe import DISTRIBUTIONS, find_closure
from etl.model import git_tables, project
from etl.model.errors import UserError
from etl.model.profile import Profile, profile_path
from etl.model.release import parse
from etl.model.schema import BLOB_MD5S, Table
from etl.model.store import find_table, read_footer
from etl.tables.own_masks import read_rule
from etl.tables.unit import Blob, Context, find_artefact
from etl.versions import dvc

NO_SET = "-"  # as no set is called
# Modules that make the tables which are made from no blob.
MAKERS = {"findings": "etl.build.manifest", "gate_results": "etl.gate.judge"}
_ROLES = {"blobs": "the file itself", "findings": "named by the row"}  # of a row's path


@dataclass(frozen=True, slots=True)
class Warehouse:
    """What every question needs: the project, its profile, its tables, the blobs by path."""

    root: Path
    profile: Profile
    connection: duckdb.DuckDBPyConnection
    blobs: Mapping[str, Row]
    offline: bool = False


def read_blobs(connection: duckdb.DuckDBPyConnection) -> dict[str, Row]:
    """Return the rows of the table `blobs` by path; none where it is not built."""
    try:
        return {row["path"]: row for row in select_rows(connection, "blobs", (), ())}
    except duckdb.CatalogException:
        return {}


# --- Blobs --------------------------------------------------------------------------------------


def find_blobs(warehouse: Warehouse, table: str, column: str, row: Row) -> list[BlobFact]:
    """Return the blobs that a value was read from, most direct first."""
    roles: dict[str, str] = {}
    lister = list_parts_tables().get(table)
    sources = (
        _list_part_sources(warehouse, lister, column, row["case_id"])
        if lister
        else _list_sources(warehouse, table, column, row)
    )
    for path, role in sources:
        roles.setdefault(path, role)
    facts = [_describe_blob(warehouse, path, role, row) for path, role in roles.items()]
    return facts if warehouse.offline else _ask_remote(warehouse.root, facts)


def _list_sources(
    warehouse: Warehouse, table: str, column: str, row: Row
) -> Iterator[tuple[str, str]]:
    """Yield path and role of each blob, as the columns of the row and the table's TABLE say."""
    of_row = [(row["path"], _ROLES.get(table, "measured"))] if row.get("path") else []
    of_row += _match_md5s(warehouse, row)
    yield from of_row
    if table not in list_tables():
        return
    module, case_id = import_table(table), row.get("case_id")
    declared: Table = module.TABLE
    if column in declared.sources:
        yield from _select_declared(warehouse, declared, column, case_id)
    elif of_row and column in declared.assembled and not _is_identity(declared, column):
        yield from _select_blobs_of_needs(warehouse, declared, case_id)
    elif declared.row_in_file:
        yield from _find_row_in_file(warehouse, module, column, row)
    elif not of_row and declared.reads:
        yield from _select_blobs(warehouse, declared.reads, "read", case_id)
    elif not of_row:
        yield from _select_blobs_of_needs(warehouse, declared, case_id)


def _list_part_sources(
    warehouse: Warehouse, lister: str, column: str, case_id: str
) -> Iterator[tuple[str, str]]:
    """Yield the blobs behind a column of a table that has one file per case.

    Of a column that is no source of its own: the mask in its name, or all.
    """
    declared: Table = import_table(lister).TABLE
    if column in declared.sources:
        yield from _select_declared(warehouse, declared, column, case_id)
        return
    for path, role in _select_blobs(warehouse, ("mask_",), "measured (mask)", case_id):
        if not column.startswith("in_") or column == f"in_{warehouse.blobs[path]['mask']}":
            yield path, role


def _select_declared(
    warehouse: Warehouse, table: Table, column: str, case_id: str | None
) -> Iterator[tuple[str, str]]:
    """Yield the blobs of a case that the table itself names for a column."""
    start, role = table.sources[column]
    sets = defaultdict(lambda: NO_SET, warehouse.profile.sets)
    yield from _select_blobs(warehouse, (start.format_map(sets),), role, case_id)


def _select_blobs_of_needs(
    warehouse: Warehouse, table: Table, case_id: str | None
) -> Iterator[tuple[str, str]]:
    """Yield the blobs of a case that the tables read which `table` needs."""
    for name in table.needs:
        reads = import_table(name).TABLE.reads
        yield from _select_blobs(warehouse, reads, f"read by {name}", case_id)


def _match_md5s(warehouse: Warehouse, row: Row) -> Iterator[tuple[str, str]]:
    """Yield the blobs of the case whose MD5s the row carries, such as `mask_blob_md5`."""
    for name, value in row.items():
        if name.endswith(BLOB_MD5S) and value:
            role = name.removesuffix("s").removesuffix("_blob_md5")
            md5s = value if isinstance(value, list) else [value]
            for path, blob in warehouse.blobs.items():
                if blob["md5"] in md5s and blob["case_id"] in (row.get("case_id"), None):
                    yield path, f"measured ({role})"


def _is_identity(table: Table, column: str) -> bool:
    """Return whether a column says which row and blob it is, as no other table decides."""
    identity = {*table.key, "path", "blob_md5", "size_bytes", "inputs_md5"}
    return column in identity or column.endswith(BLOB_MD5S)


def _select_blobs(
    warehouse: Warehouse, starts: tuple[str, ...], role: str, case_id: str | None
) -> Iterator[tuple[str, str]]:
    """Yield the blobs of a case, and of all cases, whose role begins so."""
    for path, blob in warehouse.blobs.items():
        of_phase = "" if blob["phase"] is None else f"_{blob['phase']}"
        name = f"mask_{blob['mask']}" if blob["mask"] else f"{blob['artefact']}{of_phase}"
        if name.startswith(starts) and blob["case_id"] in (case_id, None):
            yield path, role


def _find_row_in_file(
    warehouse: Warehouse,
    module: Any,  # noqa: ANN401  a table's module
    column: str,
    row: Row,
) -> Iterator[tuple[str, str]]:
    """Yield the workbook, and where in it the value stands as people look it up."""
    blob = find_artefact(_make_context(warehouse), module.TABLE.reads[0])
    if blob:
        header = getattr(module, "HEADERS", {}).get(column)
        row_in_file = module.TABLE.row_in_file.format(**row)
        yield blob.path, f"{row_in_file}, column {header!r}" if header else row_in_file


def _make_context(warehouse: Warehouse) -> Context:
    blobs = tuple(
        Blob(
            name := parse(path, warehouse.profile),
            row["md5"],
            row["size_bytes"] or 0,
            read_rule(warehouse.root, name, warehouse.profile),
        )
        for path, row in warehouse.blobs.items()
        if row["md5"]
    )
    return Context(warehouse.root, project.release_path(warehouse.root), warehouse.profile, blobs)


def _describe_blob(warehouse: Warehouse, path: str, role: str, row: Row) -> BlobFact:
    blob = warehouse.blobs.get(path, {})
    md5 = row["blob_md5"] if path == row.get("path") and "blob_md5" in row else blob.get("md5")
    release = project.release_path(warehouse.root)
    return BlobFact(
        path=path,
        role=role,
        md5=md5,
        publisher_md5=blob.get("publisher_md5"),
        verdict=blob.get("verdict"),
        size_bytes=blob.get("size_bytes"),
        in_workspace=(release / path).is_file() if isinstance(release, Path) else None,
        in_cache=bool(md5) and dvc.find_blob_file(warehouse.root, str(md5)) is not None,
        in_remote=None,
    )


def _ask_remote(root: Path, facts: list[BlobFact]) -> list[BlobFact]:
    """Add the remote's word to the facts, where one is set and can be asked."""
    if dvc.read_remote_name(root) is None:
        return facts
    try:
        remote = dvc.list_remote(root, {fact.md5 for fact in facts if fact.md5})
    except UserError:  # offline, say: the question is about the value, not about the remote
        return facts
    return [replace(fact, in_remote=fact.md5 in remote) for fact in facts]


# --- Code and parameters ------------------------------------------------------------------------


def describe_recipe(warehouse: Warehouse, table: str, column: str) -> RecipeFact | None:
    """Return what made the table; None where its footer does not say."""
    table = list_parts_tables().get(table, table)
    try:
        footer = read_footer(find_table(warehouse.root, table))
    except (OSError, KeyError, TypeError, ValueError):  # a file that the project did not write
        return None
    start = f"etl.tables.{table}" if table in list_tables() else MAKERS.get(table, "")
    modules, libraries = find_closure(start) if start else (set(), set())
    versions = ((name, _find_version(name)) for name in sorted(libraries))
    return RecipeFact(
        recipe=str(footer.get("recipe", "")),
        is_todays=_make_todays_recipe(warehouse, table) == footer.get("recipe")
        if table in list_tables()
        else None,
        made_by=_find_maker(table, column),
        modules=tuple(sorted(modules)),
        libraries={name: number for name, number in versions if number},
        parameters=_read_parameters(warehouse, table),
        schema_version=footer.get("schema_version"),
    )


def _make_todays_recipe(warehouse: Warehouse, table: str) -> str:
    blobs = read_index(warehouse.root, table, warehouse.profile).blobs
    return make_table_recipe(warehouse.root, table, warehouse.profile, blobs).table


def _find_maker(table: str, column: str) -> str:
    """Name the function that gives a column its value."""
    if table not in list_tables():
        return MAKERS.get(table, "")
    module = import_table(table)
    step = "assemble" if column in module.TABLE.assembled else "measure"
    return f"etl.tables.{table}.{step}()"


def _read_parameters(warehouse: Warehouse, table: str) -> dict[str, Any]:
    is_built = table in list_tables()
    files = import_table(table).TABLE.files if is_built else ()
    return {
        "profile": warehouse.profile.name,
        "files": [_find_profile(warehouse), *files],
        "params": read_params_of(warehouse.root, table) if is_built else {},
        "naming": warehouse.profile.naming(),
    }


def _find_version(name: str) -> str | None:
    try:
        return version(DISTRIBUTIONS.get(name, name))
    except PackageNotFoundError:  # the standard library
        return None


def find_input_file(warehouse: Warehouse, name: str) -> str:
    """Return the file under git that a small input is read from."""
    return git_tables.CSV_FILES.get(name) or _find_profile(warehouse)


def _find_profile(warehouse: Warehouse) -> str:
    root = warehouse.root
    return profile_path(root, warehouse.profile.name).relative_to(root).as_posix()
