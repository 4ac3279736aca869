"""The only place that asks DVC or git anything."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from etl.errors import UserError
from etl.release import LINK_OUTSIDE


def release_hashes(root: Path, release: Path) -> dict[str, tuple[str, int]]:
    """Path inside the release -> (MD5, size in bytes), by DVC's own builder.

    It reads only files that changed since it last looked (size, time, inode), and hashes what
    is on disk, not what was committed.

    Raises:
        UserError: the folder is missing, or DVC cannot read it.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo
    from dvc_data.hashfile.build import build

    if not release.is_dir():
        message = f"{release}: no release here. Run `make`, or `ispy1 adopt PATH`, or `dvc pull`."
        raise UserError(message)
    try:
        repo = Repo(str(root))
        found = build(
            repo.cache.local, str(release), repo.fs, "md5", dry_run=True, ignore=repo.dvcignore
        )
        tree: Any = found[2]  # a folder's hash is a tree, which DVC's types do not say
    except (DvcException, OSError) as error:
        message = f"{release}: DVC cannot read it ({error}). Check the rights, then run again."
        raise UserError(message) from error
    hashes = {"/".join(key): (info.value, meta.size) for key, meta, info in tree}
    inside = (root.resolve(), release.resolve())
    return {
        path: found if _is_within(release / path, inside) else (LINK_OUTSIDE, 0)
        for path, found in hashes.items()
    }


def _is_within(path: Path, folders: tuple[Path, ...]) -> bool:
    """Whether a file, links followed, lies in one of the folders."""
    real = path.resolve()
    return any(real.is_relative_to(folder) for folder in folders)


def release_hash(root: Path) -> str | None:
    """The DVC hash of the release that dvc.lock's index stage was run on, None before that."""
    from etl.project import param, read_yaml

    lock = root / "dvc.lock"
    if not lock.is_file():
        return None
    release = str(param(root, "release"))
    stages = read_yaml(lock).get("stages", {})
    for dep in stages.get("index", {}).get("deps", []):
        if dep["path"] == release:
            return str(dep["md5"])
    return None


@contextmanager
def stage_lock(root: Path, name: str) -> Iterator[None]:
    """Hold the lock of one table; a second builder waits until the first is done."""
    import fcntl

    folder = root / ".dvc" / "tmp" / "ispy1"
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / f"{name}.lock", os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
