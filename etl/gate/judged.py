"""What the gate judged, and whether that is what lies here: a verdict holds for its own state only.

After `adopt` of another mask, or a build that was cut, the last verdict is of the build before.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from hashlib import md5
from pathlib import Path
from typing import TYPE_CHECKING

from etl.build.index import index_path, read_index
from etl.model import project
from etl.model.address import is_address
from etl.model.errors import UserError
from etl.model.profile import Profile, load_profile
from etl.model.release import MARKS, is_litter
from etl.versions import dvc, git
from etl.versions.objects import list_objects
from etl.versions.odd_files import show_path

if TYPE_CHECKING:
    from etl.model.address import Folder

RULES = ("expectations", "splits.csv", "sql/tables", "sql/views")  # what decides, beside the tables
_RULE_SUFFIXES = frozenset({".csv", ".json", ".sql", ".yaml", ".yml"})
_INDEX = f"{project.INDEX}/blobs.csv"  # every blob of the release that the tables are made of
_SHOWN = 4


def hash_tables(root: Path) -> dict[str, str]:
    """Return path -> MD5 of each table that the gate judges, and of the index's list of blobs."""
    paths = sorted((root / project.TABLES).glob("*.parquet"))
    hashes = {path.relative_to(root).as_posix(): _hash_bytes(path.read_bytes()) for path in paths}
    index = index_path(root, "blobs")
    if index.is_file():  # without its recipe, which may change where no table does
        hashes[_INDEX] = _hash_bytes(index.read_bytes().partition(b"\n")[2])
    return hashes


def hash_rules(root: Path) -> dict[str, str]:
    """Return path -> MD5 of the files and folders that say how the tables are judged."""
    return {rule_path: _hash_files(root / rule_path) for rule_path in RULES}


def _hash_files(folder: Path) -> str:
    files = [folder] if folder.is_file() else sorted(folder.rglob("*"))
    read = [p for p in files if p.is_file() and p.suffix in _RULE_SUFFIXES and p.name[0] != "."]
    parts = (f"{path.relative_to(folder)}\0".encode() + path.read_bytes() for path in read)
    return _hash_bytes(b"\0".join(parts))


def _hash_bytes(content: bytes) -> str:
    return md5(content, usedforsecurity=False).hexdigest()


def find_changes(root: Path, judged: Mapping[str, str]) -> list[str]:
    """Return what lies here, or is recorded here, and is not what the gate judged.

    Blobs and their index need not be here: a clone that pulled only the tables has a verdict.
    """
    now = {**hash_tables(root), **hash_rules(root)}
    return [*_name_differing(now, judged), *find_newer_release(root)]


def find_stale_tables(root: Path, judged: Mapping[str, str]) -> list[str]:
    """Return what the tables are not of; a few milliseconds, for every query."""
    tables = {path: was for path, was in judged.items() if path not in RULES}
    return [*_name_differing(hash_tables(root), tables), *find_newer_release(root)]


def _name_differing(now: Mapping[str, str], judged: Mapping[str, str]) -> Iterator[str]:
    for path, was in judged.items():
        if path not in now and path != _INDEX:
            yield f"{path} is missing"
        elif path in now and now[path] != was:
            yield f"{path} changed"


def find_newer_release(root: Path) -> list[str]:
    """Return a word where DVC has recorded another release than the tables were made of."""
    release = str(project.param(root, "release"))
    made_of, recorded = dvc.release_hash(root), find_recorded_hash(root, release)
    if not (root / "dvc.lock").is_file() or recorded in {made_of, None}:
        return []
    return [f"{release} was changed since (DVC: {recorded})"]


def find_recorded_hash(root: Path, release: str) -> str | None:
    """Return the hash by which DVC keeps the release: of its .dvc file, or of the stage.

    What lies elsewhere DVC only looks at: the hash of what the last index saw.
    """
    if is_address(release):
        return dvc.release_hash(root)
    for name in (f"{release}.dvc", "data/dvc.lock"):
        file = root / name
        if file.is_file():
            recorded = git.read_outs(file.read_bytes(), name, name).get(release)
            if recorded:
                return recorded
    return None


def find_changed_blobs(root: Path) -> list[str]:
    """Return a word where blobs differ from the index; folders that are not here do not count."""
    release = project.release_path(root)
    changed = list_changed_blobs(root, load_profile(root))
    folders = {os.path.dirname(path) for path in list_blob_sizes(release)} if changed else set()  # noqa: PTH120
    in_folders = [path for path in changed if os.path.dirname(path) in folders]  # noqa: PTH120
    name = project.release_name(root)
    return [f"{name}: {shorten_list(in_folders)} changed"] if in_folders else []


def list_changed_blobs(root: Path, profile: Profile) -> list[str]:
    """Return blobs that are not as the index has them; empty without an index or a release."""
    folder = project.release_path(root)
    sizes = list_blob_sizes(folder)
    is_here = folder.is_dir() if isinstance(folder, Path) else bool(sizes)
    if not is_here or not index_path(root, "blobs").is_file():
        return []
    try:
        index = read_index(root, "blobs", profile)
    except UserError:  # a damaged index: its hash makes it stale
        return []
    indexed = {blob.path: blob for blob in index.blobs}
    changed = set(indexed.keys() ^ sizes.keys())
    followed = {p for p in indexed.keys() & sizes.keys() if indexed[p].md5 not in MARKS}
    changed |= {p for p in followed if indexed[p].size_bytes != sizes[p]}
    if not changed:  # DVC reads only what has another time, size or inode than it knows
        now = dvc.release_hashes(root, folder)
        changed = {p for p, blob in indexed.items() if now.get(p, ("",))[0] != blob.md5}
    return sorted(changed)


def list_blob_sizes(folder: Folder) -> dict[str, int]:
    """Return path in a release to size, for all files but litter; none where it is out of reach."""
    sizes = {}
    if not isinstance(folder, Path):
        with contextlib.suppress(UserError):
            objects = list_objects(folder).items()
            sizes = {path: item.size_bytes for path, item in objects if not is_litter(path)}
        return sizes
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent, name)
            inside = show_path(path.relative_to(folder).as_posix())
            if not is_litter(inside) and path.exists():
                sizes[inside] = path.stat().st_size
    return sizes


def shorten_list(words: list[str]) -> str:
    """Return the first words of a list, and how many more there are."""
    more = len(words) - _SHOWN
    return ", ".join(words[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
