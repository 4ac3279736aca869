"""What a build would do: which tables are fresh, why the others are not, and what is measured."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from etl.build.index import (
    Index,
    import_table,
    list_parts_tables,
    list_tables,
    make_table_recipe,
    name_file,
    read_index,
    reads,
)
from etl.build.kept_units import TRANSIENT
from etl.build.manifest import Manifest, hash_file
from etl.build.parts import hash_parts
from etl.build.recipe import Recipe
from etl.model import project
from etl.model.errors import UserError
from etl.model.profile import Profile
from etl.model.release import MARKS, Name
from etl.model.store import read_footer, read_table, table_path
from etl.tables.unit import Blob

# In the footer of a table: what it was made of, beside its recipe.
RECIPE, VALUES, PARTS, BLOBS, NEEDS = "recipe", "values_recipe", "parts", "blobs", "needs"
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class State:
    """A table as it lies here and as it would be made now.

    `footer`: of the file that the last build wrote; empty where none can be believed. `reasons`:
    why the table is stale by itself, whatever becomes of the tables that it needs. `parts_here`: of
    a table that lists files of cases: case -> MD5 of its file as it lies here.
    """

    name: str
    recipe: Recipe
    blobs: tuple[Blob, ...]
    footer: Mapping[str, Any]
    reasons: tuple[str, ...]
    parts_here: Mapping[str, str] = field(default_factory=dict)

    def made_of(self, files: Mapping[str, str | None]) -> dict[str, Any]:
        """Return what the footer of the table would say, when the needed tables are `files`."""
        return {
            RECIPE: self.recipe.table,
            VALUES: self.recipe.values,
            PARTS: dict(self.recipe.parts),
            BLOBS: hash_blobs(self.blobs),
            NEEDS: self._hash_needs(files),
        }

    def is_fresh(self, files: Mapping[str, str | None]) -> bool:
        """Return whether the file is what would be made, when the needed tables are `files`."""
        return not self.reasons and self.footer.get(NEEDS) == self._hash_needs(files)

    def _hash_needs(self, files: Mapping[str, str | None]) -> dict[str, str | None]:
        return {need: files.get(need) for need in import_table(self.name).TABLE.needs}


def hash_blobs(blobs: Sequence[Blob]) -> str:
    """Return an MD5 over what an index says of blobs."""
    listed = json.dumps([(b.path, b.md5, b.size_bytes, b.rule) for b in blobs])
    return hashlib.md5(listed.encode(), usedforsecurity=False).hexdigest()


def order_tables(names: Sequence[str]) -> tuple[str, ...]:
    """Return tables in the order of their building; all without a name.

    Raises:
        UserError: no such table.
    """
    chosen = {import_table(name).TABLE.name for name in names or list_tables()}
    return tuple(name for name in list_tables() if name in chosen)


def add_needs(names: Sequence[str]) -> tuple[str, ...]:
    """Return tables and all that they need, in the order of their building; all without a name.

    Raises:
        UserError: no such table.
    """
    collected: set[str] = set()
    listers = list_parts_tables()
    pending = [listers.get(name, name) for name in names or list_tables()]
    while pending:
        name = pending.pop()
        if name not in collected:
            collected.add(name)
            pending += import_table(name).TABLE.needs
    return order_tables(tuple(collected))


def examine(
    root: Path, profile: Profile, manifest: Manifest | None, names: Sequence[str]
) -> dict[str, State]:
    """Return how tables lie here, by name; without a manifest all are to be built anew.

    Raises:
        UserError: no index, or params.yaml lacks a value.
    """
    listed = _read_listed_blobs(root, manifest) if manifest else None
    meanings: dict[str, Name] = {}  # a path is listed by up to ten tables
    return {name: _examine(root, profile, manifest, name, listed, meanings) for name in names}


def _examine(
    root: Path,
    profile: Profile,
    manifest: Manifest | None,
    name: str,
    listed: Mapping[str, str] | None,
    meanings: dict[str, Name],
) -> State:
    index = read_index(root, name, profile, meanings)
    recipe = make_table_recipe(root, name, profile, index.blobs)
    parts = import_table(name).TABLE.parts
    parts_here = hash_parts(root, parts) if parts else {}
    if manifest is None:
        again = ("all is to be read again",)
        return State(name, recipe, index.blobs, {}, again, parts_here)
    footer = read_believed(root, manifest, name)
    reasons = []
    if not footer:
        path = table_path(root / project.TABLES, name)
        reasons.append("edited, or left by a build that was cut" if path.is_file() else "not built")
    elif footer.get(RECIPE) != recipe.table:
        reasons += _name_changes(footer.get(PARTS) or {}, recipe.parts)
    if footer and parts:
        reasons += _count_lost_parts(root, name, parts_here)
    lost = [f for f in manifest.findings.get(name, ()) if f["check"] in TRANSIENT]
    if footer and lost:
        reasons.append(f"{len(lost)} files could not be read by the last build")
    if footer and footer.get(BLOBS) != hash_blobs(index.blobs):

        def is_read(path: str) -> bool:
            return reads(root, name, name_file(path, profile, meanings), profile)

        reasons.append(_count_changes(index, listed, is_read))
    return State(name, recipe, index.blobs, footer, tuple(reasons), parts_here)


def _count_lost_parts(root: Path, name: str, parts_here: Mapping[str, str]) -> list[str]:
    """Return a reason where the files of a table's cases are not those that it lists."""
    parts = import_table(name).TABLE.parts
    rows = read_table(table_path(root / project.TABLES, name)).select(["case_id", "part_md5"])
    listed = {row["case_id"]: row["part_md5"] for row in rows.to_pylist()}
    lost = listed.items() ^ parts_here.items()
    n_cases = len({case_id for case_id, _ in lost})
    return [f"{n_cases} files of {parts} are missing or changed"] if lost else []


def read_believed(root: Path, manifest: Manifest, name: str) -> Mapping[str, Any]:
    """Return the footer of a table's file; empty where the file is not what a build wrote."""
    path = table_path(root / project.TABLES, name)
    written = manifest.files.get(name)
    if written is None or hash_file(path) != written:
        return {}
    try:
        return read_footer(path)
    except (OSError, KeyError, TypeError, ValueError, pa.ArrowException):
        return {}


def _name_changes(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    parts = sorted(p for p in before.keys() | now.keys() if before.get(p) != now.get(p))
    shown = [f"{part} changed" for part in parts[:_SHOWN]] or ["its recipe changed"]
    more = len(parts) - _SHOWN
    return shown + ([f"and {more} more"] if more > 0 else [])


def _read_listed_blobs(root: Path, manifest: Manifest) -> Mapping[str, str] | None:
    """Return path -> MD5 of the release that the tables here are of, None where nobody knows."""
    if not read_believed(root, manifest, "blobs"):
        return None
    try:
        rows = read_table(table_path(root / project.TABLES, "blobs")).select(["path", "md5"])
    except (UserError, KeyError):
        return None
    return {row["path"]: row["md5"] for row in rows.to_pylist() if row["md5"]}


def _count_changes(
    index: Index, listed: Mapping[str, str] | None, is_read: Callable[[str], bool]
) -> str:
    if listed is None:
        return "blobs changed"
    now = {blob.path: blob.md5 for blob in index.blobs if blob.md5 not in MARKS}
    before = {path: md5 for path, md5 in listed.items() if is_read(path)}
    changed = [path for path in now.keys() | before.keys() if now.get(path) != before.get(path)]
    return f"{len(changed)} blobs changed" if len(changed) != 1 else f"{changed[0]} changed"
