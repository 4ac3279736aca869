"""The DVC cache: every object hashed again, and every file that should be there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from etl.ask.fsck.model import Problem, Progress, Report, Tracked, hash_content, shorten_path
from etl.model.errors import UserError
from etl.text.values import format_bytes
from etl.versions import dvc, git, rwlock

AREA = "cache"
_OBJECT = re.compile(r"[0-9a-f]{32}(?:\.dir)?")


def read_tracked(root: Path, report: Report) -> Tracked:
    """Read what today's DVC files speak of, and the names in the cache."""
    cached = {md5 for md5, _ in _list_objects(dvc.find_cache(root))}
    remote = dvc.read_remote_name(root)
    try:
        today, ever = git.list_todays_outs(root), git.list_all_outs(root)
    except UserError as error:
        report.notes.append(f"What DVC should keep is not known: {error}")
        return Tracked(root, cached=cached, remote=remote)
    by_git = set(today.in_git)
    outs = {path: path for path in today.paths.values() if path not in by_git}
    paths = {path: md5 for md5, path in today.paths.items() if path not in by_git}
    for folder, md5 in list(paths.items()):
        for name, content in _list_folder(root, md5):
            paths[f"{folder}/{name}"] = content
            outs[f"{folder}/{name}"] = folder
    old = {md5: path for md5, path in ever.paths.items() if path not in ever.in_git}
    for folder_md5, folder in list(old.items()):
        old |= {md5: f"{folder}/{name}" for name, md5 in _list_folder(root, folder_md5)}
    old = {md5: old[md5] for md5 in old.keys() - paths.values()}
    return Tracked(root, paths, outs, old, cached, remote)


def _list_folder(root: Path, md5: str) -> Iterator[tuple[str, str]]:
    """List the files of a folder whose list is whole in the cache; a bad one is found later."""
    if not md5.endswith(dvc.FOLDER):
        return
    if hash_content(dvc.name_cache_path(root, md5)) == md5.removesuffix(dvc.FOLDER):
        yield from (dvc.list_folder_files(root, md5) or {}).items()


def check_cache(tracked: Tracked, report: Report, *, read: bool, progress: Progress) -> None:
    """Compare the cache with its names (`read`: hash every object) and with what it should hold."""
    objects = list(_list_objects(dvc.find_cache(tracked.root)))
    report.problems += _list_leftovers(tracked.root)
    if rwlock.has_damaged_lock(tracked.root):
        expected = "DVC's list of readers and writers"
        otherwise = "while another build runs: wait for it"
        report.problems.append(
            Problem(AREA, rwlock.RWLOCK, expected, "cut short", "ispy1 repro", otherwise)
        )
    corrupt: list[Problem] = []
    if read:
        corrupt = list(_find_corrupt(tracked, objects, progress))
        report.problems += corrupt
    else:
        report.notes.append("cache: not hashed (--quick); DVC itself trusts read-only files")
    lacking = [path for path, md5 in tracked.paths.items() if md5 not in tracked.cached]
    damaged = [path for path in lacking if (tracked.root / path).exists()]
    report.problems += [_report_missing(tracked, path) for path in damaged]
    _note_elsewhere(tracked, report, len(lacking) - len(damaged))
    size = sum(path.stat().st_size for _, path in objects if path.is_file())
    done = f"hashed, {len(corrupt)} bad" if read else "listed by name"
    report.checked[AREA] = f"{len(objects)} objects ({format_bytes(size)}) {done}"


def _note_elsewhere(tracked: Tracked, report: Report, absent: int) -> None:
    where = f"`dvc pull` asks {tracked.remote}" if tracked.remote else "no remote is set"
    if absent:
        report.notes.append(f"cache: {absent} files of today are not here; {where}")
    old = len([md5 for md5 in tracked.old if md5 not in tracked.cached])
    if old:
        report.notes.append(
            f"cache: {old} outputs of earlier versions are not here, so those cannot be opened "
            f"from the cache alone; {where}"
        )


def _list_objects(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield MD5 and path of every object, by name."""
    for path in sorted(folder.glob("??/*")):
        name = f"{path.parent.name}{path.name}"
        if _OBJECT.fullmatch(name):
            yield name, path


def _list_leftovers(root: Path) -> Iterator[Problem]:
    """Yield the files in the cache that are no object: what a killed transfer leaves."""
    folder = dvc.find_cache(root)
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        if not _OBJECT.fullmatch(path.relative_to(folder).as_posix().replace("/", "", 1)):
            name = shorten_path(root, path)
            repair = f"rm -f {shlex.quote(name)}"
            yield Problem(AREA, name, "an object named by its MD5", "another file", repair)


def _find_corrupt(
    tracked: Tracked, objects: list[tuple[str, Path]], progress: Progress
) -> Iterator[Problem]:
    """Yield the objects whose content is another than their name says."""
    names = {md5: path for path, md5 in tracked.paths.items()} | dict(tracked.old)
    for number, (md5, path) in enumerate(objects, 1):
        progress(number, len(objects))
        content = hash_content(path)
        if content != md5.removesuffix(dvc.FOLDER):
            yield _report_corrupt(tracked, md5, path, content, names.get(md5, ""))


def _report_corrupt(tracked: Tracked, md5: str, path: Path, content: str, name: str) -> Problem:
    file = shorten_path(tracked.root, path)
    expected = f"MD5 {md5}, the content of {name}" if name else f"MD5 {md5}"
    command, otherwise = _find_refill(tracked, md5, name)
    repair = f"rm -f {shlex.quote(file)}{command}"
    return Problem(AREA, file, expected, f"MD5 {content}", repair, otherwise)


def _find_refill(tracked: Tracked, md5: str, name: str) -> tuple[str, str]:
    """Return what brings an object back into the cache once the bad one is gone."""
    out = shlex.quote(tracked.outs.get(name, name))
    if name in tracked.paths and _is_intact(tracked.root / name, md5):
        return f" && dvc commit -f {out}", ""
    if name in tracked.paths and tracked.remote:
        return f" && dvc fetch {out}", ""
    if tracked.remote:
        return " && dvc fetch --all-commits", ""
    if not name:
        return "", "no version of this project speaks of it"
    return "", f"no other copy of {name} is known here: adopt the original again, or `ispy1 repro`"


def _is_intact(path: Path, md5: str) -> bool:
    """Return whether the workspace has the content; of a folder, whether it is there."""
    if md5.endswith(dvc.FOLDER):
        return path.is_dir()
    return path.is_file() and hash_content(path) == md5


def _report_missing(tracked: Tracked, path: str) -> Problem:
    md5 = tracked.paths[path]
    file = shorten_path(tracked.root, dvc.name_cache_path(tracked.root, md5))
    command, otherwise = _find_refill(tracked, md5, path)
    repair = command.removeprefix(" && ") or "ispy1 repro"
    return Problem(AREA, file, f"MD5 {md5}, the content of {path}", "no file", repair, otherwise)
