"""The DVC cache: every object hashed again, and every file that should be there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from etl.ask.fsck.model import Kept, Problem, Progress, Report, md5_of, shown
from etl.model.errors import UserError
from etl.text.values import format_bytes
from etl.versions import dvc, git, rwlock

AREA = "cache"
_OBJECT = re.compile(r"[0-9a-f]{32}(?:\.dir)?")


def what_is_kept(root: Path, report: Report) -> Kept:
    """What today's DVC files speak of, and the names in the cache."""
    cached = {md5 for md5, _ in _objects(dvc.find_cache(root))}
    remote = dvc.read_remote_name(root)
    try:
        today, ever = git.list_todays_outs(root), git.list_all_outs(root)
    except UserError as error:
        report.notes.append(f"What DVC should keep is not known: {error}")
        return Kept(root, cached=cached, remote=remote)
    by_git = set(today.in_git)
    outs = {path: path for path in today.paths.values() if path not in by_git}
    paths = {path: md5 for md5, path in today.paths.items() if path not in by_git}
    for folder, md5 in list(paths.items()):
        for name, content in _files_of(root, md5):
            paths[f"{folder}/{name}"] = content
            outs[f"{folder}/{name}"] = folder
    old = {md5: path for md5, path in ever.paths.items() if path not in ever.in_git}
    for folder_md5, folder in list(old.items()):
        old |= {md5: f"{folder}/{name}" for name, md5 in _files_of(root, folder_md5)}
    old = {md5: old[md5] for md5 in old.keys() - paths.values()}
    return Kept(root, paths, outs, old, cached, remote)


def _files_of(root: Path, md5: str) -> Iterator[tuple[str, str]]:
    """The files of a folder whose list is in the cache and whole; a bad list is found later."""
    path = dvc.name_cache_path(root, md5)
    if md5.endswith(dvc.FOLDER) and _hash(path) == md5.removesuffix(dvc.FOLDER):
        yield from (dvc.list_folder_files(root, md5) or {}).items()


def check_cache(kept: Kept, report: Report, *, read: bool, progress: Progress) -> None:
    """Compare the cache with its names (`read`: hash every object) and with what it should hold."""
    objects = list(_objects(dvc.find_cache(kept.root)))
    report.problems += _leftovers(kept.root)
    if rwlock.has_damaged_lock(kept.root):
        report.problems.append(
            Problem(AREA, rwlock.RWLOCK, "DVC's list of readers and writers", "cut short",
                    "ispy1 repro", "while another build runs: wait for it")
        )  # fmt: skip
    bad: set[str] = set()
    if read:
        bad = _check_objects(kept, objects, report, progress)
    else:
        report.notes.append("cache: not hashed (--quick); DVC itself trusts read-only files")
    lacking = [path for path, md5 in kept.paths.items() if md5 not in kept.cached]
    here = [path for path in lacking if (kept.root / path).exists()]
    report.problems += [_missing(kept, path) for path in here]
    _say_what_is_elsewhere(kept, report, len(lacking) - len(here))
    size = sum(path.stat().st_size for _, path in objects if path.is_file())
    done = f"hashed, {len(bad)} bad" if read else "listed by name"
    report.checked[AREA] = f"{len(objects)} objects ({format_bytes(size)}) {done}"


def _say_what_is_elsewhere(kept: Kept, report: Report, absent: int) -> None:
    where = f"`dvc pull` asks {kept.remote}" if kept.remote else "no remote is set"
    if absent:
        report.notes.append(f"cache: {absent} files of today are not here; {where}")
    old = len([md5 for md5 in kept.old if md5 not in kept.cached])
    if old:
        report.notes.append(
            f"cache: {old} outputs of earlier versions are not here, so those cannot be opened "
            f"from the cache alone; {where}"
        )


def _objects(folder: Path) -> Iterator[tuple[str, Path]]:
    """MD5 and path of every object, by name."""
    for path in sorted(folder.glob("??/*")):
        name = f"{path.parent.name}{path.name}"
        if _OBJECT.fullmatch(name):
            yield name, path


def _leftovers(root: Path) -> Iterator[Problem]:
    """Files in the cache that are no object: what a killed transfer leaves."""
    folder = dvc.find_cache(root)
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        if not _OBJECT.fullmatch(path.relative_to(folder).as_posix().replace("/", "", 1)):
            name = shown(root, path)
            yield Problem(
                AREA, name, "an object named by its MD5", "another file",
                f"rm -f {shlex.quote(name)}",
            )  # fmt: skip


def _check_objects(
    kept: Kept, objects: list[tuple[str, Path]], report: Report, progress: Progress
) -> set[str]:
    """Hash every object; return the MD5s whose content is another."""
    names = {md5: path for path, md5 in kept.paths.items()} | dict(kept.old)
    bad: set[str] = set()
    for number, (md5, path) in enumerate(objects, 1):
        progress(number, len(objects))
        found = _hash(path)
        if found != md5.removesuffix(dvc.FOLDER):
            bad.add(md5)
            report.problems.append(_corrupt(kept, md5, path, found, names.get(md5, "")))
    return bad


def _hash(path: Path) -> str:
    try:
        return md5_of(path)
    except OSError as error:
        return f"unreadable ({error.strerror})"


def _corrupt(kept: Kept, md5: str, path: Path, found: str, name: str) -> Problem:
    place = shown(kept.root, path)
    what = f"MD5 {md5}" + (f", the content of {name}" if name else "")
    command, otherwise = _refill(kept, md5, name)
    return Problem(
        AREA, place, what, f"MD5 {found}", f"rm -f {shlex.quote(place)}{command}", otherwise
    )


def _refill(kept: Kept, md5: str, name: str) -> tuple[str, str]:
    """What brings an object back into the cache once the bad one is gone."""
    out = shlex.quote(kept.outs.get(name, name))
    if name in kept.paths and _is_intact(kept.root / name, md5):
        return f" && dvc commit -f {out}", ""
    if name in kept.paths and kept.remote:
        return f" && dvc fetch {out}", ""
    if kept.remote:
        return " && dvc fetch --all-commits", ""
    if not name:
        return "", "no version of this project speaks of it"
    return "", f"no other copy of {name} is known here: adopt the original again, or `ispy1 repro`"


def _is_intact(path: Path, md5: str) -> bool:
    """Whether the workspace has the content; of a folder, whether it is there at all."""
    if md5.endswith(dvc.FOLDER):
        return path.is_dir()
    return path.is_file() and _hash(path) == md5


def _missing(kept: Kept, path: str) -> Problem:
    md5 = kept.paths[path]
    place = shown(kept.root, dvc.name_cache_path(kept.root, md5))
    command, otherwise = _refill(kept, md5, path)
    repair = command.removeprefix(" && ") or "ispy1 repro"
    return Problem(AREA, place, f"MD5 {md5}, the content of {path}", "no file", repair, otherwise)
