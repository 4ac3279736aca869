"""The stage `index`: hash the release once, and say for every table what it reads."""

from __future__ import annotations

import csv
import importlib
import io
import pkgutil
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any, TextIO, cast

from etl import tables
from etl.build.recipe import Recipe, keep_descriptions, make_recipe
from etl.model import project
from etl.model.errors import UserError
from etl.model.profile import Profile, load_profile
from etl.model.release import MARKS, Name, is_litter, list_mask_sets, parse
from etl.model.schema import Table
from etl.model.store import write_text
from etl.tables.own_masks import read_rule
from etl.tables.unit import Blob, TableModule
from etl.versions import dvc

_FIRST = re.compile(r"# recipe=([0-9a-f]{32}) values=([0-9a-f]{32})")
_MD5 = re.compile(r"[0-9a-f]{32}")
_HEADER = ("path", "md5", "size_bytes", "rule")


@dataclass(frozen=True, slots=True)
class Index:
    """What one table is made of: its recipe, and its blobs sorted by path."""

    recipe: Recipe
    blobs: tuple[Blob, ...]


@cache
def list_tables() -> tuple[str, ...]:
    """Return the tables that are made from the release, each behind those that it needs."""
    names = sorted(module.name for module in pkgutil.iter_modules(tables.__path__))
    modules = {name: importlib.import_module(f"{tables.__name__}.{name}") for name in names}
    declared = {name: getattr(module, "TABLE", None) for name, module in modules.items()}
    needs = {
        name: table.needs
        for name, table in declared.items()
        if isinstance(table, Table) and table.per != "build"
    }
    return tuple(TopologicalSorter(needs).static_order())


@cache
def import_table(name: str) -> TableModule:
    """Return the module of a table.

    Raises:
        UserError: no such table.
    """
    if name not in list_tables():
        message = f"{name}: no table is built under this name. Tables: {', '.join(list_tables())}."
        raise UserError(message)
    return cast("TableModule", importlib.import_module(f"{tables.__name__}.{name}"))


def list_parts_tables() -> dict[str, str]:
    """Return the tables that have one file per case -> the table with a row per such file."""
    listers = {import_table(name).TABLE.parts: name for name in list_tables()}
    return {parts: name for parts, name in listers.items() if parts}


def write_indexes(root: Path, hashes: Mapping[str, tuple[str, int]] | None = None) -> int:
    """Write data/index/<table>.csv for every table; return the number of files hashed.

    Args:
        root: the project.
        hashes: of the release, by path, with sizes; default: asked of DVC.
    """
    profile = load_profile(root)
    hashes = hashes or dvc.release_hashes(root, project.release_path(root))
    names = {path: parse(path, profile) for path in sorted(hashes) if not is_litter(path)}
    blobs = tuple(
        Blob(name_of_file, *hashes[path], read_rule(root, name_of_file, profile))
        for path, name_of_file in names.items()
    )
    for name in list_tables():
        read = tuple(blob for blob in blobs if reads(root, name, blob.name, profile))
        index = Index(make_table_recipe(root, name, profile, read), read)
        write_text(index_path(root, name), _dump(index))
    keep_descriptions(root)
    return len(blobs)


def reads(root: Path, table: str, name: Name, profile: Profile) -> bool:
    """Return whether a table reads a blob of this name."""
    module = import_table(table)
    wants = getattr(module, "wants", None)
    is_read = name.artefact.startswith(module.TABLE.reads)
    return is_read and (wants is None or wants(name, read_params_of(root, table), profile))


def make_table_recipe(root: Path, name: str, profile: Profile, blobs: Sequence[Blob]) -> Recipe:
    """Return a table's recipe by its code, other inputs and params.yaml as they are now.

    Args:
        root: the project.
        name: the table.
        profile: of the release.
        blobs: that it reads: what the table has one file per case of has a column per mask set.

    Raises:
        UserError: params.yaml lacks a value that the table needs.
    """
    table, params = import_table(name).TABLE, read_params_of(root, name)
    mask_sets = list_mask_sets([b.name for b in blobs], profile) if table.parts else ()
    return make_recipe(f"etl.tables.{name}", profile, root, table.files, params, mask_sets)


def read_params_of(root: Path, name: str) -> dict[str, Any]:
    """Return the values of params.yaml that decide a table's values, by dotted name.

    Raises:
        UserError: params.yaml lacks one.
    """
    return {dotted: project.param(root, dotted) for dotted in import_table(name).TABLE.params}


def index_path(root: Path, name: str) -> Path:
    """Return the index of one table."""
    return root / project.INDEX / f"{name}.csv"


def _dump(index: Index) -> str:
    out = io.StringIO()
    out.write(f"# recipe={index.recipe.table} values={index.recipe.values}\n")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_HEADER)
    writer.writerows((b.path, b.md5, b.size_bytes, b.rule) for b in index.blobs)
    return out.getvalue()


def read_index(
    root: Path, name: str, profile: Profile, names: dict[str, Name] | None = None
) -> Index:
    """Return what the stage `index` wrote for one table.

    Args:
        root: the project.
        name: the table.
        profile: what names of files mean.
        names: what they mean, as far as it is known; others are added.

    Raises:
        UserError: the file is missing or was cut short.
    """
    path = index_path(root, name)
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return _load(file, profile, {} if names is None else names)
    except (OSError, KeyError, ValueError, TypeError) as error:
        message = f"{path}: no usable index ({error}). Run `ispy1 repro`."
        raise UserError(message) from error


def _load(file: TextIO, profile: Profile, names: dict[str, Name]) -> Index:
    first = _FIRST.fullmatch(file.readline().strip())
    rows = csv.DictReader(file)
    if first is None or tuple(rows.fieldnames or ()) != _HEADER:
        message = "it does not begin with a recipe and a header"
        raise ValueError(message)
    return Index(
        Recipe(first[1], first[2]), tuple(_parse_blob(row, profile, names) for row in rows)
    )


def _parse_blob(row: dict[str, str], profile: Profile, names: dict[str, Name]) -> Blob:
    """Return a line's file; its path and hash may not lead out of release or cache."""
    path, md5 = dvc.require_inside(row["path"]), row["md5"]
    if md5 not in MARKS and not _MD5.fullmatch(md5):
        message = f"{path} has {md5!r} in place of an MD5 of 32 hex digits"
        raise ValueError(message)
    return Blob(name_file(path, profile, names), md5, int(row["size_bytes"]), row["rule"])


def name_file(path: str, profile: Profile, names: dict[str, Name]) -> Name:
    """Return what the file at `path` is, by `names` where it is among them; else it is added."""
    if path not in names:
        names[path] = parse(path, profile)
    return names[path]
