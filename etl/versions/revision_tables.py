"""The tables that a git revision holds: their hashes, and their files in the DVC cache."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from pathlib import Path

from etl.model.errors import UserError
from etl.model.project import GATE, TABLES
from etl.versions import dvc
from etl.versions.git import LOCK, Revision, read_at, read_outs, resolve

_SUFFIX = ".parquet"
_PART = re.compile(rf"{TABLES}/(?P<name>\w+)/case_id=(?P<case_id>[^/]+)/(?P=name){_SUFFIX}")


def list_tables_at(root: Path, rev: str | Revision) -> dict[str, str]:
    """Return table name -> MD5 of its file at a revision: what stages made of the release.

    Raises:
        UserError: unknown revision, or one without a usable dvc.lock.
    """
    return list_md5s_at(root, rev)[0]


def list_parts_at(root: Path, rev: str | Revision) -> dict[str, dict[str, str]]:
    """Return table name -> case -> MD5 of its file, of tables that have one file per case.

    Raises:
        UserError: as list_tables_at.
    """
    return list_md5s_at(root, rev)[1]


def list_md5s_at(
    root: Path, rev: str | Revision
) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """Return what list_tables_at and list_parts_at return, read once.

    Raises:
        UserError: as list_tables_at.
    """
    files = _list_files_at(root, resolve(root, rev))
    return _select_tables(files), _select_parts(files)


def _select_tables(files: Mapping[str, str]) -> dict[str, str]:
    return {
        posixpath.basename(path).removesuffix(_SUFFIX): md5
        for path, md5 in files.items()
        if posixpath.dirname(path) in (TABLES, GATE) and path.endswith(_SUFFIX)
    }


def _select_parts(files: Mapping[str, str]) -> dict[str, dict[str, str]]:
    parts: dict[str, dict[str, str]] = {}
    for path, md5 in files.items():
        if match := _PART.fullmatch(path):
            parts.setdefault(match["name"], {})[match["case_id"]] = md5
    return parts


def _list_files_at(root: Path, revision: Revision) -> dict[str, str]:
    """Return path -> MD5 of what the stages of tables made, those of the gate last."""
    text = read_at(root, revision, LOCK)
    if text is None:
        message = (
            f"{revision}: {LOCK} is not in this revision, so no table was built at it. "
            f"`git log --oneline -- {LOCK}` lists the revisions that have tables."
        )
        raise UserError(message)
    outs = read_outs(text, LOCK, f"{revision}:{LOCK}")
    listed: dict[str, str] = {}
    for folder in (TABLES, GATE):
        files = {path: md5 for path, md5 in outs.items() if path.startswith(f"{folder}/")}
        if folder in outs:
            files |= _list_folder(root, revision, folder, outs[folder])
        listed |= dict(sorted(files.items()))
    return listed


def _list_folder(root: Path, revision: Revision, folder: str, md5: str) -> dict[str, str]:
    """Return path -> MD5 of the files in a folder that a stage made.

    Raises:
        UserError: their list is neither in the cache nor in the remote.
    """
    files = dvc.list_folder_files(root, md5)
    if files is None:
        raise UserError(_describe_lost(root, revision, [folder], md5))
    return {f"{folder}/{path}": file for path, file in files.items()}


def find_files(
    root: Path, rev: str | Revision
) -> tuple[dict[str, Path], dict[str, dict[str, Path]]]:
    """Return the files of all tables at a revision, in DVC's cache; missing ones are fetched.

    The files belong to the cache: read them, never write them.

    Returns:
        Table name -> file; table name -> case -> file, of tables that have one file per case.

    Raises:
        UserError: as list_tables_at, or a file is neither in the cache nor in the remote.
    """
    revision = resolve(root, rev)
    tables, parts = list_md5s_at(root, revision)
    md5s = tables | {f"{name} of {c}": md5 for name, of in parts.items() for c, md5 in of.items()}
    fetched = dvc.fetch(root, md5s.values())
    lost = [name for name, md5 in md5s.items() if md5 not in fetched]
    if lost:
        raise UserError(_describe_lost(root, revision, lost, md5s[lost[0]]))

    def name_paths(of: Mapping[str, str]) -> dict[str, Path]:
        return {name: dvc.name_cache_path(root, md5) for name, md5 in of.items()}

    return name_paths(tables), {name: name_paths(of) for name, of in parts.items()}


def _describe_lost(root: Path, revision: Revision, names: list[str], md5: str) -> str:
    remote = dvc.read_remote_name(root)
    where = f"nor in the remote {remote}" if remote else "and no remote is set"
    todo = (
        f"Run `ispy1 push --all-versions` where {revision} was built" if remote else dvc.ADD_REMOTE
    )
    lost_files = f"{names[0]} (MD5 {md5})" + (f" and {len(names) - 1} more" if names[1:] else "")
    return f"{revision}: the table file {lost_files} is not in the DVC cache, {where}. {todo}."


def find_table_file(root: Path, rev: str | Revision, name: str) -> Path:
    """Return the file of one table at a revision, in the DVC cache; fetched where it is missing.

    Raises:
        UserError: as table_files, or the revision has no such table.
    """
    revision = resolve(root, rev)
    tables = list_tables_at(root, revision)
    if name not in tables:
        message = f"{revision}: has no table {name}; it has {', '.join(tables) or 'none'}."
        raise UserError(message)
    return find_file(root, revision, name, tables[name])


def find_file(root: Path, revision: Revision, name: str, md5: str) -> Path:
    """Return the file of a table, or of one of its cases, in the DVC cache; fetched if missing.

    Raises:
        UserError: it is neither in the cache nor in the remote.
    """
    if not dvc.fetch(root, [md5]):
        raise UserError(_describe_lost(root, revision, [name], md5))
    return dvc.name_cache_path(root, md5)
