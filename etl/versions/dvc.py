"""The only place that asks DVC anything: what it would hash, and what it keeps by hash.

A file that DVC keeps is known by its MD5, whatever revision it belongs to; a hash that ends with
`.dir` is a folder's list of its files. What git knows is asked in etl.versions.git. DVC itself is
imported only to hash, to fetch and to push: that costs a second.
"""

from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from etl.model import project
from etl.model.address import is_address
from etl.model.errors import UserError
from etl.model.release import LINK_OUTSIDE
from etl.versions.counting import count_files
from etl.versions.dvc_config import read_config
from etl.versions.objects import hash_objects, wait_for_answer
from etl.versions.odd_files import ignore_odd_files, show_path

if TYPE_CHECKING:
    from etl.model.address import Folder

ADD_REMOTE = "Add one by `dvc remote add -d NAME URL` (a folder, s3://..., ssh://...)"
SCHEME = "dvc-remote"  # of the addresses of files in the remote
SITE_CACHE = ".dvc/tmp/site"  # what DVC knows of files: time, size, hash
STATUS_S = 300.0  # a listing of a million objects takes half of it
FOLDER = ".dir"  # the end of a folder's hash
_MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?")
_BATCH = 256


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a push did: hashes pushed, there before, and nowhere (neither cache nor remote)."""

    pushed: frozenset[str]
    there: frozenset[str]
    missing: frozenset[str]
    pushed_bytes: int


def release_hashes(
    root: Path, release: Folder, progress: Callable[[int, int], None] | None = None
) -> dict[str, tuple[str, int]]:
    """Return path inside the release -> (MD5, size in bytes), by DVC's own builder.

    It reads only files that changed since it last looked (size, time, inode), and hashes what
    is on disk, not what was committed. What is not on a disk: etl.versions.objects.

    Raises:
        UserError: the folder is missing, or DVC cannot read it.
    """
    if not isinstance(release, Path):
        return hash_objects(root, release)
    from dvc_data.hashfile.build import build

    if not release.is_dir():
        message = f"{release}: no release here. Run `make`, or `ispy1 adopt PATH`, or `dvc pull`."
        raise UserError(message)
    marks = ignore_odd_files(release)
    try:
        repo = _open_repo(root)
        built = build(
            repo.cache.local, str(release), repo.fs, "md5", dry_run=True, ignore=repo.dvcignore,
            **({"callback": count_files(release, progress)} if progress else {}),
        )  # fmt: skip
        tree: Any = built[2]  # a folder's hash is a tree, which DVC's types do not say
    except Exception as error:  # DVC's own state file has errors of SQLite's
        message = f"{release}: DVC cannot read it ({error}). {_advise(error)}, then run again."
        raise UserError(message) from error
    hashes = {"/".join(key): (info.value, meta.size) for key, meta, info in tree}
    folders = (root.resolve(), release.resolve())
    cache = find_cache(root).resolve()

    def is_ours(path: str, md5: str) -> bool:
        real = (release / path).resolve()  # by `cache.type symlink` it lies in the cache
        return any(map(real.is_relative_to, folders)) or real == _join_path(cache, md5)

    return {
        **{show_path(path): (mark, 0) for path, mark in marks.items()},
        **{
            path: hash_and_size if is_ours(path, hash_and_size[0]) else (LINK_OUTSIDE, 0)
            for path, hash_and_size in hashes.items()
        },
    }


def find_changed(root: Path, release: Folder, md5s: Mapping[str, str]) -> list[str]:
    """Return the files of a release that are not what their MD5 says.

    DVC reads only those that changed since it last looked. Of a release elsewhere every read was
    checked already (etl.read.source).
    """
    if not isinstance(release, Path):
        return []
    from dvc_data.hashfile.hash import hash_file

    repo = _open_repo(root)

    def hash_now(path: str) -> str | None:
        try:
            _, now = hash_file(str(release / path), repo.fs, "md5", repo.cache.local.state)
        except OSError:
            return None
        return now.value

    return [path for path, md5 in md5s.items() if hash_now(path) != md5]


def _advise(error: BaseException) -> str:
    """Return what to do about an error of the disk, which DVC may have wrapped."""
    causes = (error, error.__cause__, error.__context__)
    numbers = {cause.errno for cause in causes if isinstance(cause, OSError)}
    if numbers & {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return "Free space on the disk of .dvc"
    return "Check the rights" if numbers & {errno.EACCES, errno.EPERM} else "Check the disk"


def is_kept(real: Path, cache: Path) -> bool:
    """Return whether a file (without links) is what DVC keeps by its hash in its cache."""
    return real.is_relative_to(cache) and bool(_MD5.fullmatch("".join(real.parts[-2:])))


def release_hash(root: Path) -> str | None:
    """Return DVC's hash of the release that dvc.lock's index stage ran on, None before that."""
    lock = root / "dvc.lock"
    if not lock.is_file():
        return None
    path = re.escape(str(project.param(root, "release")))
    # Only one stage depends on the release; as YAML the file would take longer than a query.
    entry = rf"^ *- path: (['\"]?){path}\1\n *hash: md5\n *md5: (\S+)$"
    entry_match = re.search(entry, lock.read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
    return require_md5(entry_match[2], str(lock)) if entry_match else None


def require_md5(md5: str, where: str) -> str:
    """Return the hash; it becomes a path inside the cache, so nothing else may pass.

    Raises:
        UserError: it is not 32 hex digits, with or without `.dir`.
    """
    if _MD5.fullmatch(md5):
        return md5
    message = (
        f"{where}: {md5!r} is no hash; expected 32 hex digits, `.dir` behind them for a folder. "
        "Restore the file from git."
    )
    raise UserError(message)


def start_status(root: Path) -> Callable[[], dict[str, list[Any]]]:
    """Start `dvc status`; return a function that waits for the answer.

    The answer: stage (or .dvc file) -> what changed, as DVC spells it; empty where nothing did.
    Where DVC cannot say, its words stand under `dvc`. It lists a release elsewhere itself, and
    would wait for a store that hangs as long as that does.
    """
    limit = STATUS_S if is_address(project.release_name(root)) else None
    environment = {**os.environ, "DVC_SITE_CACHE_DIR": str(root / SITE_CACHE)}
    process = subprocess.Popen(
        [sys.executable, "-m", "dvc", "status", "--json"],
        cwd=root, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip

    def wait() -> dict[str, list[Any]]:
        try:
            answer, errors = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return {"dvc": [f"no answer of the release within {limit:g} s"]}
        try:
            stages: dict[str, list[Any]] = json.loads(answer)
        except ValueError:
            words = errors.strip().splitlines() or [f"ended with {process.returncode}"]
            return {"dvc": [words[0]]}
        return stages

    return wait


def find_cache(root: Path) -> Path:
    """Return the folder that holds what DVC keeps, by MD5 (`cache.dir`, default .dvc/cache)."""
    folder, value = read_config(root).get("cache.dir", (root / ".dvc", "cache"))
    return folder / Path(value).expanduser() / "files" / "md5"


def read_remote_name(root: Path) -> str | None:
    """Return the default remote of today's configuration, None where none is set."""
    return read_config(root).get("core.remote", (root, None))[1]


def require_remote(root: Path) -> None:
    """Refuse to go on where no default remote is set.

    Raises:
        UserError: none is.
    """
    if read_remote_name(root) is None:
        message = f"{root / '.dvc/config'}: no default remote is set. {ADD_REMOTE}."
        raise UserError(message)


def name_cache_path(root: Path, md5: str) -> Path:
    """Return where the cache keeps, or would keep, this file."""
    return _join_path(find_cache(root), require_md5(md5, "DVC's cache"))


def _join_path(cache: Path, md5: str) -> Path:
    return cache / md5[:2] / md5[2:]


def find_blob_file(root: Path, md5: str) -> Path | None:
    """Return the file of this MD5 in the cache, or None. Read it, never write it."""
    path = name_cache_path(root, md5)
    return path if path.is_file() else None


def list_cached(root: Path, md5s: Iterable[str]) -> set[str]:
    """Return which of these the cache holds (by name; `ispy1 fsck` hashes the content)."""
    cache = find_cache(root)
    return {md5 for md5 in md5s if _join_path(cache, require_md5(md5, "DVC's cache")).is_file()}


def list_folder_files(root: Path, md5: str) -> dict[str, str] | None:
    """Return path to MD5 of the files in a folder that DVC keeps (`md5` ends with .dir).

    None where its list is neither in the cache nor in the remote.
    """
    if not fetch(root, [md5]):
        return None
    path = name_cache_path(root, md5)
    try:
        listed = json.loads(path.read_bytes())
        files = {require_inside(entry["relpath"]): entry["md5"] for entry in listed}
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"{path}: no list of a folder's files ({error}). Delete it and run `dvc pull`."
        raise UserError(message) from error
    return {name: require_md5(str(file), str(path)) for name, file in files.items()}


def require_inside(name: str) -> str:
    """Return a path of a list of files as it is.

    Raises:
        ValueError: it leads out of the folder that the list is of.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        message = f"{name!r} leads out of the folder"
        raise ValueError(message)
    return name


def list_remote(root: Path, md5s: Iterable[str]) -> set[str]:
    """Return which of these today's remote holds; none where no remote is set.

    Raises:
        UserError: the remote cannot be asked.
    """
    hashes = set(md5s)
    if not hashes or read_remote_name(root) is None:
        return set()
    with open_remote(root) as (_, remote):
        return set(remote.oids_exist(hashes))


def fetch(root: Path, md5s: Iterable[str]) -> set[str]:
    """Bring files into the cache by hash, from today's remote; return those that are there now.

    Whatever remote a revision was pushed to, or none, today's is asked. Content is verified.

    Raises:
        UserError: the remote cannot be asked.
    """
    hashes = set(md5s)
    lacking = hashes - list_cached(root, hashes)
    if lacking and read_remote_name(root):
        from dvc_data.hashfile.hash_info import HashInfo
        from dvc_data.hashfile.transfer import transfer

        with open_remote(root) as (cache, remote):
            infos = {HashInfo("md5", md5) for md5 in lacking}
            # No index: it would believe that a file is there which somebody removed.
            transfer(remote, cache, infos, jobs=remote.fs.jobs, verify=True, cache_odb=cache)
    return list_cached(root, hashes) if lacking else hashes


def push(
    root: Path, md5s: Iterable[str], progress: Callable[[int, int], None] = lambda _done, _all: None
) -> Pushed:
    """Bring files into today's remote by hash; those that it holds are not sent again.

    A folder's list goes last, and only when all its files are there: DVC takes it as the proof.

    Args:
        root: the project.
        md5s: the files and folders; the files of a folder are not added by themselves.
        progress: called with files done and files to do.

    Raises:
        UserError: no remote is set, it cannot be asked, or it takes a file not.
    """
    hashes = set(md5s)
    require_remote(root)
    local = list_cached(root, hashes)
    with open_remote(root) as (cache, remote):
        in_remote = set(remote.oids_exist(hashes)) if hashes else set()
        new = sorted(local - in_remote, key=lambda md5: (md5.endswith(FOLDER), md5))
        files = [md5 for md5 in new if not md5.endswith(FOLDER)]
        _send(cache, remote, files, lambda done: progress(done, len(new)))
        whole = _select_whole(root, new[len(files) :], in_remote | set(files))
        _send(cache, remote, whole, lambda done: progress(len(files) + done, len(new)))
    sent = frozenset((*files, *whole))
    folder = find_cache(root)
    size = sum(_join_path(folder, md5).stat().st_size for md5 in sent)
    return Pushed(sent, frozenset(in_remote), frozenset(hashes - in_remote - local), size)


def _select_whole(root: Path, folders: Iterable[str], in_remote: set[str]) -> list[str]:
    """Return the folders all of whose files are in the remote."""
    files = {md5: list_folder_files(root, md5) for md5 in folders}
    return [md5 for md5, of in files.items() if of is not None and set(of.values()) <= in_remote]


def _send(cache: Any, remote: Any, md5s: list[str], advance: Callable[[int], None]) -> None:  # noqa: ANN401  DVC's
    for start in range(0, len(md5s), _BATCH):
        block = md5s[start : start + _BATCH]
        failed: list[tuple[str, BaseException]] = []
        paths = [cache.oid_to_path(md5) for md5 in block]
        remote.add(
            paths, cache.fs, block, check_exists=False, batch_size=remote.fs.jobs,
            on_error=lambda md5, error, failed=failed: failed.append((md5, error)),
        )  # fmt: skip
        if failed:
            md5, error = failed[0]
            message = f"{len(failed)} files, the first {md5}: {error}"
            raise UserError(message) from error
        advance(start + len(block))


def _open_repo(root: Path) -> Any:  # noqa: ANN401  DVC has no types
    from dvc.repo import Repo

    # Not in DVC's own place, which every user of a shared computer may write.
    return Repo(str(root), config={"core": {"site_cache_dir": str(root / SITE_CACHE)}})


@contextmanager
def open_remote(root: Path) -> Iterator[tuple[Any, Any]]:
    """Yield DVC's cache and today's remote, as stores of files by hash.

    Raises:
        UserError: the remote cannot be used.
    """
    try:
        with _open_repo(root) as repo:
            yield repo.cache.local, _open_odb(repo, str(read_remote_name(root)))
    except Exception as error:  # each kind of remote has errors of its own
        raise UserError(describe_unusable(read_remote_name(root), error)) from error


def describe_unusable(remote: str | None, error: Exception) -> str:
    """Return a sentence on a remote that does not do what it is asked."""
    reason = " ".join(str(error).split()) or type(error).__name__
    return (
        f"The remote {remote} cannot be used ({reason}). "
        "Check it by `dvc remote list` and `dvc status --cloud`."
    )


def _open_odb(repo: Any, name: str) -> Any:  # noqa: ANN401  DVC's
    """Return today's remote once it has answered a question.

    Raises:
        TimeoutError: it accepts and never answers, as a server that hangs does.
    """

    def ask() -> Any:  # noqa: ANN401
        remote = repo.cloud.get_remote_odb(command="push")
        remote.exists("0" * 32)
        return remote

    return wait_for_answer(ask, f"the remote {name}")
