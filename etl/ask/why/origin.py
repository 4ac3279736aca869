"""Where a row of a table comes from: its blobs, and the code and parameters that read them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb

from etl.ask.why.model import BlobFact, RecipeFact, Row
from etl.ask.why.subject import rows_where
from etl.build.index import import_table, list_tables, make_table_recipe, read_params_of
from etl.build.recipe import DISTRIBUTIONS, find_closure
from etl.model import git_tables, project
from etl.model.errors import UserError
from etl.model.profile import Profile, profile_path
from etl.model.release import parse
from etl.model.schema import BLOB_MD5S
from etl.model.store import find_table, read_footer
from etl.tables.own_masks import read_rule
from etl.tables.unit import Blob, Context, find_artefact
from etl.versions import dvc

# Modules that make the tables which are made from no blob.
MAKERS = {"findings": "etl.build.manifest", "gate_results": "etl.gate.judge"}
_WORKBOOKS = ("features", "clinical", "acquisitions")  # one file for all cases


@dataclass(frozen=True, slots=True)
class Place:
    """What every question needs: the project, its profile, the warehouse, the blobs by path."""

    root: Path
    profile: Profile
    connection: duckdb.DuckDBPyConnection
    blobs: Mapping[str, Row]
    offline: bool = False


def known_blobs(connection: duckdb.DuckDBPyConnection) -> dict[str, Row]:
    """The rows of the table `blobs` by path; none where it is not built."""
    try:
        return {row["path"]: row for row in rows_where(connection, "blobs", (), ())}
    except duckdb.CatalogException:
        return {}


# --- Blobs --------------------------------------------------------------------------------------


def blobs_behind(place: Place, table: str, column: str, row: Row) -> list[BlobFact]:
    """The blobs that a value was read from, most direct first."""
    roles: dict[str, str] = {}
    for path, role in _paths(place, table, column, row):
        roles.setdefault(path, role)
    facts = [_fact(place, path, role, row) for path, role in roles.items()]
    return facts if place.offline else _ask_remote(place.root, facts)


def _paths(place: Place, table: str, column: str, row: Row) -> Iterator[tuple[str, str]]:
    """Path and role of each blob."""
    if table == "blobs":
        yield row["path"], "the file itself"
        if column in ("publisher_md5", "verdict"):
            yield from _of_artefact(place, ("manifest",), "the publisher's manifest")
    elif row.get("path"):
        yield row["path"], "named by the row" if table == "findings" else "measured"
        yield from _compared(place, table, column, row)
    elif table == "cases":
        yield from _of_case(place, column, row)
    elif any(name.endswith(BLOB_MD5S) for name in row):
        yield from _by_md5(place, row)
        yield from _beside(place, table, column, row)
    elif table in list_tables():
        module = import_table(table)
        yield from _of_workbook(place, table, column, row)
        if not set(module.TABLE.reads) & set(_WORKBOOKS):
            yield from _of_artefact(place, module.TABLE.reads, "read", row.get("case_id"))


def _by_md5(place: Place, row: Row) -> Iterator[tuple[str, str]]:
    """The blobs of the case whose MD5s the row carries, such as `mask_blob_md5`."""
    for name, value in row.items():
        if name.endswith(BLOB_MD5S) and value:
            role = name.removesuffix("s").removesuffix("_blob_md5")
            wanted = value if isinstance(value, list) else [value]
            for path, blob in place.blobs.items():
                if blob["md5"] in wanted and blob["case_id"] in (row.get("case_id"), None):
                    yield path, f"measured ({role})"


def _beside(place: Place, table: str, column: str, row: Row) -> Iterator[tuple[str, str]]:
    """For a column that is put together from other tables: what those read of the case."""
    module = import_table(table)
    is_lineage = column in module.TABLE.key or column.endswith(("inputs_md5", *BLOB_MD5S))
    if column in module.TABLE.assembled and not is_lineage:
        for other in import_table(table).TABLE.needs:
            kinds = import_table(other).TABLE.reads
            yield from _of_artefact(place, kinds, f"read by {other}", row.get("case_id"))


def _compared(place: Place, table: str, column: str, row: Row) -> Iterator[tuple[str, str]]:
    """For a column that is put together from other tables: the blobs of the same case there."""
    if (
        table not in list_tables()
        or column not in import_table(table).TABLE.assembled
        or column in _identity(table)
    ):
        return
    for other in import_table(table).TABLE.needs:
        found = rows_where(place.connection, other, ["case_id = ?"], [row.get("case_id")])
        for beside in found:
            yield beside["path"], f"compared with ({other})"


def _identity(table: str) -> set[str]:
    key: tuple[str, ...] = import_table(table).TABLE.key
    return {*key, "path", "blob_md5", "size_bytes"}


# Columns of `cases` and the role of the set that each is about; else the artefact.
_SETS_OF_CASES = {
    "n_image_n3": "native",
    "n_image_zscored": "normalized",
    "has_mask_ftv": "functional",
    "has_mask_stv_manual": "expert",
    "has_mask_stv_resunet": "network",
}
_OF_CASES = {
    "has_features": "features",
    "has_clinical": "clinical",
    "has_outcomes": "clinical",
    "has_acquisitions": "acquisitions",
}


def _of_case(place: Place, column: str, row: Row) -> Iterator[tuple[str, str]]:
    """A case is what files name; each count is about one kind of them."""
    name = place.profile.sets.get(_SETS_OF_CASES.get(column, ""), "")
    mask = name if column.startswith("has_mask_") else None
    kind = f"image_{name}" if column.startswith("n_image_") else _OF_CASES.get(column, "")
    for path, blob in place.blobs.items():
        if kind in _WORKBOOKS and blob["artefact"] == kind:
            yield path, "names the case"
            continue
        is_own = blob["case_id"] == row["case_id"] and blob["artefact"].startswith(kind)
        if is_own and mask in (None, blob["mask"]):
            yield path, "counted" if blob["md5"] else "missing"


def _of_artefact(
    place: Place, kinds: Iterable[str], role: str, case_id: str | None = None
) -> Iterator[tuple[str, str]]:
    starts = tuple(kinds)
    for path, blob in place.blobs.items():
        if blob["artefact"].startswith(starts) and blob["case_id"] in (case_id, None):
            yield path, role


def _of_workbook(place: Place, table: str, column: str, row: Row) -> Iterator[tuple[str, str]]:
    """The workbook, and where in it the value stands."""
    for kind in _WORKBOOKS:
        if kind in import_table(table).TABLE.reads:
            blob = find_artefact(_context(place), kind)
            if blob:
                yield blob.path, _cell(import_table(table), column, row)


def _context(place: Place) -> Context:
    blobs = tuple(
        Blob(
            name := parse(path, place.profile),
            row["md5"],
            row["size_bytes"] or 0,
            read_rule(place.root, name, place.profile),
        )
        for path, row in place.blobs.items()
        if row["md5"]
    )
    return Context(place.root, project.release_path(place.root), place.profile, blobs)


def _cell(module: Any, column: str, row: Row) -> str:  # noqa: ANN401  a table's module
    """Sheet, row and column of a workbook, as people look them up."""
    if "series_instance_uid" in row:
        field, _ = module.READERS.get(column, ("", None))
        named = f", column {field!r}" if field else ""
        return f"row of {row['series_instance_uid']}{named}"
    form = getattr(module, "FORM", None)
    if form is not None:
        header = form.headers.get(column)
        named = f", column {header!r}" if header else ""
        return f"sheet {form.sheet!r}, row of {row['case_id']}{named}"
    header = f"column {row['feature']!r}"
    return f"row of {row['case_id']}, {header}" if "case_id" in row else f"header, {header}"


def _fact(place: Place, path: str, role: str, row: Row) -> BlobFact:
    known = place.blobs.get(path, {})
    md5 = row["blob_md5"] if path == row.get("path") and "blob_md5" in row else known.get("md5")
    file = project.release_path(place.root) / path
    return BlobFact(
        path=path,
        role=role,
        md5=md5,
        publisher_md5=known.get("publisher_md5"),
        verdict=known.get("verdict"),
        size_bytes=known.get("size_bytes"),
        in_workspace=file.is_file(),
        in_cache=bool(md5) and dvc.find_blob_file(place.root, str(md5)) is not None,
        in_remote=None,
    )


def _ask_remote(root: Path, facts: list[BlobFact]) -> list[BlobFact]:
    """The same facts with the remote's word, where one is set and can be asked."""
    if dvc.read_remote_name(root) is None:
        return facts
    try:
        there = dvc.list_remote(root, {fact.md5 for fact in facts if fact.md5})
    except UserError:  # offline, say: the question is about the value, not about the remote
        return facts
    return [replace(fact, in_remote=fact.md5 in there) for fact in facts]


# --- Code and parameters ------------------------------------------------------------------------


def recipe_of(place: Place, table: str, column: str) -> RecipeFact | None:
    """What made the table; None where its footer does not say."""
    try:
        footer = read_footer(find_table(place.root, table))
    except (OSError, KeyError, TypeError, ValueError):  # a file that the project did not write
        return None
    start = f"etl.tables.{table}" if table in list_tables() else MAKERS.get(table, "")
    modules, libraries = find_closure(start) if start else (set(), set())
    found = ((name, _version(name)) for name in sorted(libraries))
    return RecipeFact(
        recipe=str(footer.get("recipe", "")),
        is_todays=_todays(place, table) == footer.get("recipe") if table in list_tables() else None,
        made_by=_made_by(table, column),
        modules=tuple(sorted(modules)),
        libraries={name: number for name, number in found if number},
        parameters=_parameters(place, table),
        schema_version=footer.get("schema_version"),
    )


def _todays(place: Place, table: str) -> str:
    return make_table_recipe(place.root, table, place.profile).table


def _made_by(table: str, column: str) -> str:
    """The function that gives a column its value."""
    if table not in list_tables():
        return MAKERS.get(table, "")
    module = import_table(table)
    step = "assemble" if column in module.TABLE.assembled else "measure"
    name = module.__name__ if isinstance(module, ModuleType) else f"etl.tables.{table}"
    return f"{name}.{step}()"


def _parameters(place: Place, table: str) -> dict[str, Any]:
    profile = profile_path(place.root, place.profile.name).relative_to(place.root).as_posix()
    files = [profile, *(import_table(table).TABLE.files if table in list_tables() else ())]
    values = read_params_of(place.root, table) if table in list_tables() else {}
    naming = place.profile.naming()
    return {"profile": place.profile.name, "files": files, "params": values, "naming": naming}


def _version(name: str) -> str | None:
    try:
        return version(DISTRIBUTIONS.get(name, name))
    except PackageNotFoundError:  # the standard library
        return None


def file_of_input(place: Place, name: str) -> str:
    """The file under git that a small input is read from."""
    path = git_tables.CSV_FILES.get(name)
    own = profile_path(place.root, place.profile.name).relative_to(place.root).as_posix()
    return path or own
