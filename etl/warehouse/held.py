"""Second names of table files, which stay when a build puts new files in their place.

DuckDB takes a file's footer and its rows at different moments: 2 of 100 queries that met a rename
failed. Without hard links, or a disk that can be written, the files themselves are read.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from etl.model.digests import read_stamp
from etl.model.store import list_parts, part_path

MEMORY = Path("/dev/shm")  # noqa: S108  Linux keeps it in memory: a reader needs no disk
HELD_S = 24 * 3600  # longer than any one reader asks


def hold_files(root: Path, tables: Iterable[Path]) -> dict[str, Path]:
    """Return table -> a second name of its file; the file itself where it can have none."""
    folder = _open_folder(root)
    return {table.stem: _hold_file(folder, table) if folder else table for table in tables}


def _hold_file(folder: Path, table: Path) -> Path:
    while True:
        modified, size, inode = read_stamp(table)
        link = folder / f"{table.stem}-{inode}-{modified}-{size}.parquet"
        try:
            if not link.exists():
                link.hardlink_to(table)
        except FileExistsError:  # another reader was quicker
            return link
        except OSError:
            return table
        if read_stamp(link)[2] == inode:
            return link
        link.unlink(missing_ok=True)  # replaced between the look and the link: look again


def hold_parts(root: Path, tables: Path, name: str) -> Path:
    """Return a second folder of the files of a table that has one per case."""
    folder = _open_folder(root)
    while folder:
        try:
            return _link_parts(folder, name, list_parts(tables, name))
        except FileNotFoundError:  # replaced between the look and the link: look again
            continue
        except OSError:
            break
    return tables / name


def hold_cached(root: Path, name: str, parts: Mapping[str, Path]) -> Path:
    """Return a folder with files of the DVC cache; in memory where the disk cannot be written."""
    folder = _open_folder(root)
    try:
        return _link_parts(folder or _make_scratch(), name, parts)
    except OSError:
        return _link_parts(_make_scratch(), name, parts)


def _make_scratch() -> Path:
    """Return a folder that lasts as long as this process."""
    folder = tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def _link_parts(folder: Path, name: str, parts: Mapping[str, Path]) -> Path:
    """Return a folder, below another, in which the files of a table lie as partitions.

    Args:
        folder: where to.
        name: the table.
        parts: case -> file; it is linked, and copied from another disk.

    Raises:
        OSError: the disk refuses; FileNotFoundError where a file is gone or was replaced.
    """
    stamps = {case_id: read_stamp(path) for case_id, path in parts.items()}
    target = folder / f"{name}-{hashlib.sha256(repr(stamps).encode()).hexdigest()[:24]}"
    if not target.is_dir():
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            for case_id, path in parts.items():
                _link(path, part_path(Path(scratch), name, case_id), stamps[case_id])
            with suppress(OSError):  # another reader was quicker
                (Path(scratch) / name).rename(target)
    os.utime(target)
    return target


def _link(path: Path, link: Path, stamp: tuple[int, int, int]) -> None:
    link.parent.mkdir(parents=True)
    try:
        link.hardlink_to(path)
    except FileNotFoundError:
        raise
    except OSError:
        shutil.copyfile(path, link)
        return
    if read_stamp(link) != stamp:
        raise FileNotFoundError(path)


def _open_folder(root: Path) -> Path | None:
    """Return where second names lie; None where there can be none: a reader needs no disk."""
    if not (root / ".dvc").is_dir():
        return None
    folder = root / ".dvc" / "tmp" / "ispy1" / "read"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _drop_old(folder)
    except OSError:
        return None
    return folder


def _drop_old(folder: Path) -> None:
    """Remove names that alone keep a file alive a day after it was replaced, folders after use."""
    for path in folder.iterdir():
        stat = path.stat()
        if path.is_dir() and time.time() - stat.st_mtime > HELD_S:
            shutil.rmtree(path, ignore_errors=True)
        elif path.is_file() and stat.st_nlink == 1 and time.time() - stat.st_ctime > HELD_S:
            path.unlink(missing_ok=True)
