"""The only place that asks git anything: what a revision is, and what it holds.

Nothing is checked out: every answer is read from git's object store, all of one question by one
`git cat-file --batch` (5 ms). What DVC keeps is found by the hashes in the revision's dvc.lock.
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from etl.model.errors import UserError
from etl.versions import dvc
from etl.versions.run_git import list_tag_names, run_git

LOCK = "dvc.lock"


@dataclass(frozen=True, slots=True)
class Revision:
    """One git commit, and the name that it was asked for by."""

    name: str
    commit: str
    committed: datetime

    def __str__(self) -> str:
        """The name as the user wrote it."""
        return self.name


@dataclass(frozen=True, slots=True)
class Outs:
    """What several versions keep in DVC.

    `paths`: MD5 (`.dir` at its end for a folder) to one path that it has or had. `in_git`: the
    paths that git itself keeps, such as an output with `cache: false`.
    """

    versions: int
    paths: Mapping[str, str]
    in_git: Collection[str]


@dataclass(frozen=True, slots=True)
class _Object:
    oid: str
    kind: str
    data: bytes


# --- What a revision is ------------------------------------------------------------------------


def resolve(root: Path, rev: str | Revision) -> Revision:
    """Return the commit that a tag, branch, hash or expression such as `HEAD~2` names.

    Raises:
        UserError: no such commit, no git here.
    """
    if isinstance(rev, Revision):
        return rev
    commit = next(_read_objects(root, [f"{rev}^{{commit}}"])) if rev.isprintable() and rev else None
    if commit is None:
        raise UserError(_describe_unknown(root, rev))
    return _make_revision(rev, commit)


def _make_revision(name: str, commit: _Object) -> Revision:
    lines = commit.data.split(b"\n")
    seconds = next(line.split()[-2] for line in lines if line.startswith(b"committer "))
    return Revision(name, commit.oid, datetime.fromtimestamp(int(seconds), UTC))


def _describe_unknown(root: Path, rev: str) -> str:
    names = [str(tag) for tag in list_tags(root)]
    near = get_close_matches(rev, names, 1)
    if near:
        hint = f"Did you mean {near[0]}?"
    elif run_git(root, "rev-parse", "--is-shallow-repository").strip() == b"true":
        hint = "This clone is shallow: run `git fetch --unshallow --tags`."
    else:
        hint = f"Tags here: {', '.join(names[-5:]) or 'none'}. `git fetch --tags` brings others."
    return f"{rev!r}: git knows no commit of this name. {hint}"


def list_tags(root: Path) -> list[Revision]:
    """Return every tag of a commit, by the commit's date, then by version number."""
    listed = list_tag_names(root)
    commits = _read_objects(root, [f"refs/tags/{name}^{{commit}}" for name in listed])
    revisions = [_make_revision(name, at) for name, at in zip(listed, commits, strict=True) if at]
    return sorted(revisions, key=lambda tag: tag.committed)


def list_commits_of(root: Path, path: str, limit: int) -> list[Revision]:
    """Return the first-parent commits that touch a file, newest first, at most `limit`.

    Raises:
        UserError: git is not installed, or refuses.
    """
    words = ("log", "--first-parent", f"-{limit}", "--format=%H %ct", "--", path)
    pairs = (line.split() for line in run_git(root, *words).decode().splitlines() if line)
    return [Revision(oid[:8], oid, datetime.fromtimestamp(int(at), UTC)) for oid, at in pairs]


# --- What a revision holds in git --------------------------------------------------------------


def read_at(root: Path, rev: str | Revision, path: str) -> bytes | None:
    """Return the bytes of a file under git at a revision, None where it was not there.

    Args:
        root: the project.
        rev: the revision.
        path: relative to the project.
    """
    blob = next(_read_objects(root, [f"{resolve(root, rev).commit}:./{path}"]))
    return blob.data if blob and blob.kind == "blob" else None


def read_files_at(root: Path, rev: str | Revision, paths: Iterable[str]) -> dict[str, bytes]:
    """Return path to bytes of the files under git at a revision, for files and whole folders."""
    listed = run_git(root, "ls-tree", "-rz", resolve(root, rev).commit, "--", *paths)
    entries = [line.split("\t", 1) for line in listed.decode().split("\0") if line]
    blobs = _read_objects(root, [facts.split()[2] for facts, _ in entries])
    pairs = zip((path for _, path in entries), blobs, strict=True)
    return {path: blob.data for path, blob in pairs if blob and blob.kind == "blob"}


def read_history_of(root: Path, path: str) -> list[bytes]:
    """Return the bytes of a file at each commit that changed it, oldest first; none without git.

    Args:
        root: the project.
        path: relative to the project.
    """
    try:
        commits = run_git(root, "log", "--reverse", "--format=%H", "--", path).decode().split()
    except UserError:  # no repository, no git, or no commit yet
        return []
    blobs = _read_objects(root, [f"{commit}:./{path}" for commit in commits])
    return [blob.data for blob in blobs if blob and blob.kind == "blob"]


# --- What a revision holds in DVC --------------------------------------------------------------


def read_outs(text: bytes, path: str, where: str) -> dict[str, str]:
    """Return path (relative to the project) to MD5 of the outputs in a dvc.lock or .dvc file.

    Args:
        text: its content.
        path: where it lies in the project: its own paths are relative to its folder.
        where: how errors name it.

    Raises:
        UserError: it is no such file.
    """
    try:
        loaded = yaml.load(text, Loader=yaml.CSafeLoader)
        outs = list(_list_outs(loaded))
        folder = posixpath.dirname(path)
        return {
            posixpath.normpath(posixpath.join(folder, out["path"])): dvc.require_md5(
                str(out["md5"]), where
            )
            for out in outs
            if "md5" in out and out.get("push", True)
        }
    except (yaml.YAMLError, AttributeError, KeyError, TypeError, UnicodeDecodeError) as error:
        message = f"{where}: is no DVC file ({' '.join(str(error).split())}). Restore it."
        raise UserError(message) from error


def _list_outs(loaded: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401  any YAML
    for holder in (loaded, *(loaded.get("stages") or {}).values()):
        yield from holder.get("outs") or ()


def list_all_outs(root: Path) -> Outs:
    """Return what every commit reachable from a branch, a tag or HEAD keeps in DVC.

    Raises:
        UserError: no git, no commit, or a damaged DVC file.
    """
    prefix = run_git(root, "rev-parse", "--show-prefix").decode().strip()
    listed = run_git(root, "rev-list", "--objects", "--branches", "--tags", "HEAD")
    pairs = [line.partition(" ") for line in listed.decode(errors="replace").split("\n") if line]
    commits = [oid for oid, space, _ in pairs if not space]
    named = [(oid, path.removeprefix(prefix)) for oid, _, path in pairs if path.startswith(prefix)]
    locks = [(oid, path) for oid, path in named if _is_dvc_file(path)]
    blobs = _read_objects(root, [oid for oid, _ in locks])
    paths: dict[str, str] = {}
    for (_, path), blob in zip(locks, blobs, strict=True):
        if blob and blob.kind == "blob":
            outs = read_outs(blob.data, path, f"{path} ({blob.oid[:8]})")
            paths |= {md5: out for out, md5 in outs.items()}
    held = _count_holding(root, commits, {path for _, path in locks})
    return Outs(held, paths, frozenset(path for _, path in named))


def _count_holding(root: Path, commits: list[str], paths: Collection[str]) -> int:
    """Return how many commits hold at least one of the paths."""
    names = [f"{commit}:./{path}" for commit in commits for path in paths]
    kinds = _ask(root, "--batch-check", names).splitlines() if names else []
    held = [name.partition(":")[0] for name, kind in zip(names, kinds, strict=True)
            if not kind.endswith(b" missing")]  # fmt: skip
    return len(set(held))


def list_todays_outs(root: Path) -> Outs:
    """Return what the working tree keeps in DVC.

    Raises:
        UserError: no git, or a damaged DVC file.
    """
    listed = run_git(root, "ls-files", "-coz", "--exclude-standard").decode().split("\0")
    paths: dict[str, str] = {}
    for path in listed:
        if _is_dvc_file(path) and (root / path).is_file():
            outs = read_outs((root / path).read_bytes(), path, path)
            paths |= {md5: out for out, md5 in outs.items()}
    return Outs(1, paths, frozenset(listed))


def _is_dvc_file(path: str) -> bool:
    name = posixpath.basename(path)
    return name == LOCK or (name.endswith(".dvc") and name != ".dvc")


# --- git ---------------------------------------------------------------------------------------


def _read_objects(root: Path, names: list[str]) -> Iterator[_Object | None]:
    """Yield what git holds under each name, in order; None where there is nothing."""
    answer = _ask(root, "--batch", names) if names else b""
    at = 0
    for _ in names:
        end = answer.index(b"\n", at)
        words = answer[at:end].split()
        at = end + 1
        if len(words) != 3 or not words[2].isdigit():  # noqa: PLR2004  oid, kind, size
            yield None
            continue
        size = int(words[2])
        yield _Object(words[0].decode(), words[1].decode(), answer[at : at + size])
        at += size + 1


def _ask(root: Path, form: str, names: list[str]) -> bytes:
    return run_git(root, "cat-file", form, given="".join(f"{name}\n" for name in names))
