"""`ispy1 push`: every version's files into today's remote, counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from etl.model.project import GATE, INDEX, TABLES
from etl.versions import dvc, git


@dataclass(frozen=True, slots=True)
class PushReport:
    """What was pushed. Files are counted once, however many versions hold them.

    `tables` are table files, `blobs` the files of the folders that DVC keeps (releases), `others`
    all the rest. `missing`: MD5 to a path, of files that are in neither cache nor remote.
    """

    versions: int
    tables: int
    blobs: int
    others: int
    pushed: int
    pushed_bytes: int
    there: int
    missing: dict[str, str]

    def as_json(self) -> dict[str, Any]:
        """Return the report for machines."""
        return asdict(self)


def push_versions(
    root: Path, *, every: bool, progress: Callable[[int, int], None] = lambda _done, _all: None
) -> PushReport:
    """Push what DVC keeps of today's version, or of every version that git can reach.

    Args:
        root: the project.
        every: every commit of a branch or tag, not the working tree alone.
        progress: called with files done and files to do.

    Raises:
        UserError: no remote, no git, a remote that cannot be used, a damaged DVC file.
    """
    dvc.require_remote(root)
    outs = git.list_all_outs(root) if every else git.list_todays_outs(root)
    paths = {**_list_files_of_folders(root, outs.paths), **outs.paths}
    # An output with `cache: false` has a hash in dvc.lock, but git keeps it.
    by_git = {md5 for md5, path in outs.paths.items() if path in outs.in_git}
    by_git -= {md5 for md5 in by_git if md5.endswith(dvc.FOLDER)}
    by_git -= dvc.list_cached(root, by_git)
    done = dvc.push(root, paths.keys() - by_git, progress)
    held = done.pushed | done.there
    tables = {md5 for md5 in held if paths[md5].startswith((f"{TABLES}/", f"{GATE}/"))}
    others = {md5 for md5 in held if md5 in outs.paths or paths[md5].startswith(f"{INDEX}/")}
    return PushReport(
        versions=outs.versions,
        tables=len(tables),
        blobs=len(held - tables - others),
        others=len(others - tables),
        pushed=len(done.pushed),
        pushed_bytes=done.pushed_bytes,
        there=len(done.there),
        missing={md5: paths[md5] for md5 in sorted(done.missing, key=paths.__getitem__)},
    )


def _list_files_of_folders(root: Path, paths: Mapping[str, str]) -> dict[str, str]:
    """Return MD5 to path of the files in the folders among `paths`, by the folders' lists."""
    folders = [md5 for md5 in paths if md5.endswith(dvc.FOLDER)]
    return {
        md5: f"{paths[folder]}/{name}"
        for folder in dvc.fetch(root, folders)
        for name, md5 in (dvc.list_folder_files(root, folder) or {}).items()
    }
