"""Edits by hand in a release that a stage makes: DVC would write over them without a word."""

from __future__ import annotations

from pathlib import Path

from etl.model import project
from etl.model.errors import UserError
from etl.model.release import MARKS, is_litter
from etl.phantom import papers
from etl.versions import dvc, git

_LOCK = "data/dvc.lock"
_INDEX = f"{project.INDEX}/blobs.csv"
_SHOWN = 4


def refuse_edits(root: Path) -> None:
    """Refuse to go on where DVC would write over what a person changed.

    Raises:
        UserError: there are edits by hand.
    """
    edits = list_edits(root)
    if not edits:
        return
    release, more = project.release_name(root), len(edits) - _SHOWN
    names = ", ".join(edits[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
    message = (
        f"{names}: changed by hand, and DVC would write over it. Build on the change as a release "
        f"of your own: `ispy1 adopt {release}`. Discard it: `dvc checkout --force {release}`."
    )
    raise UserError(message)


def list_edits(root: Path) -> list[str]:
    """Return the files of a stage's release that DVC would write over or remove, and has nowhere.

    What an older version holds is in the cache, and a file that was deleted holds nothing to lose.
    """
    release, lock = project.release_path(root), root / _LOCK
    if not isinstance(release, Path) or not release.is_dir() or not lock.is_file():
        return []
    name = project.release_name(root)
    kept_as = git.read_outs(lock.read_bytes(), _LOCK, _LOCK).get(name)
    if kept_as is None or not _is_touched(root, release) or not dvc.list_cached(root, [kept_as]):
        return []
    kept = dvc.list_folder_files(root, kept_as) or {}
    odd = {
        path: md5
        for path, (md5, _) in dvc.release_hashes(root, release).items()
        if kept.get(path) != md5 and md5 not in MARKS and not is_litter(path)
    }
    if papers.README in odd and _is_made_anew(root, release):
        return []
    cached = dvc.list_cached(root, odd.values())
    return sorted(f"{name}/{path}" for path, md5 in odd.items() if md5 not in cached)


def _is_made_anew(root: Path, release: Path) -> bool:
    """Return whether the phantom is of today's parameters: a build was cut before DVC kept it."""
    stated = [project.param(root, f"phantom.{name}") for name in ("cases", "seed", "scale")]
    return (release / papers.README).read_bytes() == papers.format_readme(*stated).encode()


def _is_touched(root: Path, release: Path) -> bool:
    """Return whether a file changed since the stage and the index ran: DVC need not be loaded."""
    try:
        last_run = min((root / name).stat().st_mtime_ns for name in (_LOCK, _INDEX))
    except FileNotFoundError:
        return True
    files = (path.lstat() for path in release.rglob("*"))
    return any(file.st_ctime_ns >= last_run for file in files)
