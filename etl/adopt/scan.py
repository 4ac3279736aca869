"""Walk what people have on disk: every regular file below a folder, and what had to be refused."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from etl.adopt.report import Note
from etl.model.errors import UserError
from etl.model.release import is_litter
from etl.versions.dvc import is_kept

Inode = tuple[int, int]

_PRIVATE = (".git", ".dvc")  # the stores of other programs, never part of a release


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One regular file. `path` is relative to the source, `real` absolute without links."""

    path: str
    real: Path
    size: int
    inode: Inode


@dataclass(slots=True)
class Scan:
    """All files of the source in path order. `is_whole` is false where a folder was unreadable."""

    files: list[SourceFile] = field(default_factory=list)
    refused: list[Note] = field(default_factory=list)
    litter: list[str] = field(default_factory=list)
    is_whole: bool = True


@dataclass(slots=True)
class _Walk:
    """What the walk knows so far."""

    source: Path
    excluded: Path
    cache: Path
    todo: list[_Folder]
    result: Scan
    links: set[Inode] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder still to be listed, with the folders that lead to it."""

    real: Path
    prefix: str
    above: frozenset[Inode]


def scan(source: Path, excluded: Path, cache: Path) -> Scan:
    """Return every file below `source`, without those in `excluded` (the release itself).

    Links inside the source are followed, links out of it refused, but for those to what DVC keeps
    by its hash in `cache`. A folder inside itself ends there, and each link to a folder is
    followed once, so that loops end.

    Raises:
        UserError: the source is no folder that can be listed, lies in the release, or is empty.
    """
    real = _check_source(source, excluded)
    info, result = real.stat(), Scan()
    start = _Folder(real, "", frozenset([(info.st_dev, info.st_ino)]))
    walk = _Walk(real, excluded, cache, [start], result)
    while walk.todo:
        _list_folder(walk, walk.todo.pop())
    if not result.files and not result.refused:
        litter = f" but litter (the first: {result.litter[0]})" if result.litter else ""
        message = f"{source}: holds no file{litter}. Name the folder with the downloaded release."
        raise UserError(message)
    result.files.sort(key=lambda file: file.path)
    result.refused.sort(key=lambda note: note.path)
    result.litter.sort()
    return result


def _check_source(source: Path, excluded: Path) -> Path:
    """Return the source without links.

    Raises:
        UserError: it is no folder that can be listed, or lies in the release.
    """
    try:
        real = source.resolve(strict=True)
        if not real.is_dir():
            message = f"{source}: is a file. Name the folder that holds it."
            raise UserError(message)
        os.scandir(real).close()
    except FileNotFoundError as error:
        message = f"{source}: does not exist. Name the folder with the downloaded release."
        raise UserError(message) from error
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        message = f"{source}: cannot be listed ({reason}). Make the folder readable."
        raise UserError(message) from error
    if real.is_relative_to(excluded):
        message = f"{source}: lies in {excluded}, the release itself. Name the downloaded folder."
        raise UserError(message)
    return real


def _list_folder(walk: _Walk, folder: _Folder) -> None:
    try:
        with os.scandir(folder.real) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        walk.result.is_whole = False
        walk.result.refused.append(
            Note(folder.prefix, f"folder cannot be listed ({error.strerror})")
        )
        return
    for entry in listed:
        path = folder.prefix + entry.name
        if is_litter(entry.name):
            walk.result.litter.append(path)
        elif entry.name not in _PRIVATE:
            _add_entry(walk, folder, entry, path)


def _add_entry(walk: _Walk, folder: _Folder, entry: os.DirEntry[str], path: str) -> None:
    try:
        real = Path(entry.path)
        if entry.is_symlink():
            real = real.resolve(strict=True)
            if not real.is_relative_to(walk.source) and not is_kept(real, walk.cache):
                walk.result.refused.append(Note(path, f"link that leaves the source (to {real})"))
                return
        info = real.stat()
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or "link in a loop"
        walk.result.refused.append(Note(path, f"cannot be read ({reason})"))
        return
    inode = (info.st_dev, info.st_ino)
    if stat.S_ISDIR(info.st_mode):
        if inode not in folder.above and real != walk.excluded and _is_first_visit(walk, entry):
            walk.todo.append(_Folder(real, f"{path}/", folder.above | {inode}))
    elif stat.S_ISREG(info.st_mode):
        walk.result.files.append(SourceFile(path, real, info.st_size, inode))
    else:
        walk.result.refused.append(Note(path, "neither a file nor a folder"))


def _is_first_visit(walk: _Walk, entry: os.DirEntry[str]) -> bool:
    """Return whether the folder is to be listed: a link to one only the first time."""
    if not entry.is_symlink():
        return True
    info = entry.stat(follow_symlinks=False)
    inode = (info.st_dev, info.st_ino)
    is_first = inode not in walk.links
    walk.links.add(inode)
    return is_first


def list_files(folder: Path) -> Iterator[str]:
    """Yield the files below a folder of our own, relative, in order; none where there is no folder.

    Raises:
        UserError: a folder cannot be listed.
    """
    for parent, folders, files in os.walk(folder, onerror=_raise_unlisted):
        folders.sort()
        base = Path(parent).relative_to(folder)
        yield from ((base / file).as_posix() for file in sorted(files) if not is_litter(file))


def _raise_unlisted(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        message = (
            f"{error.filename}: cannot be listed ({error.strerror}). Make it a readable folder."
        )
        raise UserError(message) from error
