"""The data follow the code: git's post-checkout hook, and a word where they do not."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Collection, Mapping
from pathlib import Path

from etl.model import project
from etl.model.errors import UserError
from etl.model.store import write_text
from etl.versions import dvc, git
from etl.versions.run_git import run_git

MARK = "# ispy1: the data follow the code"
# Not `dvc install`: it refuses beside any hook of the user's, and its pre-push hook pushes data,
# which fails where no remote is set. A switch to the same commit (`git checkout -b`) changes no
# data; and data that are not here must not make git's checkout fail.
_SCRIPT = """#!/bin/sh
{mark}. Made by `ispy1 hook`; remove this file to switch it off.
[ "$1" != "$2" ] || exit 0
unset $(git rev-parse --local-env-vars)
cd {folder} 2>/dev/null || exit 0  # the revision has no such project
[ -x {bin}/dvc ] || {{
  echo "ispy1: {bin} is gone, so the data did not follow. Run make, then dvc checkout." >&2
  exit 0
}}
PATH={bin}:"$PATH" DVC_NO_ANALYTICS=1 dvc git-hook post-checkout "$@" ||
  echo "ispy1: not all data of this revision are here. Run dvc pull; dvc status says more." >&2
exit 0
"""
_SHOWN = 3


def install_hook(root: Path) -> str:
    """Install the hook by which `git checkout` brings the data of the revision too.

    A hook of the user's own stays as it is.

    Returns:
        What was done, in one sentence.

    Raises:
        UserError: the hooks' folder cannot be written.
    """
    places = _find_git_paths(root)
    if places is None:
        return f"{root}: not under git, so there is no hook to install"
    path, folder = places
    script = _SCRIPT.format(
        mark=MARK,
        bin=shlex.quote(str(Path(sys.executable).parent)),
        folder=shlex.quote(f"./{folder}"),
    )
    try:
        present = path.read_text(errors="replace") if path.exists() else None
        if present is not None and MARK not in present:
            line = 'dvc git-hook post-checkout "$@"'
            advice = "calls DVC already" if "dvc git-hook" in present else f"add to it: {line}"
            return f"{path}: your own hook, left as it is; {advice}"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, script)
        path.chmod(0o755)
    except OSError as error:
        message = f"{path}: the hook cannot be written ({error.strerror}). Check the rights."
        raise UserError(message) from error
    return f"{path}: after git checkout, the data of the revision are checked out too"


def _find_git_paths(root: Path) -> tuple[Path, str] | None:
    """Return where git looks for the hook (core.hooksPath, worktrees), and the project's folder.

    The folder is relative to the top of the work tree, where git runs hooks. None without git.
    """
    words = ("rev-parse", "--git-path", "hooks/post-checkout", "--show-prefix")
    try:
        hook, folder = run_git(root, *words).decode().split("\n")[:2]
    except UserError:
        return None
    return root / hook, folder


def warn_if_release_differs(root: Path, hashes: Mapping[str, tuple[str, int]]) -> str | None:
    """Return a warning where the release on disk is not the one that git's HEAD names.

    Either somebody edited it, or checked another revision out by git alone. DVC cannot tell: it
    takes what lies there for the new version. None where both are the same, where git or the
    cache cannot say, or where a stage makes the release.

    Args:
        root: the project.
        hashes: of the release on disk, by path, with sizes.
    """
    release = project.release_path(root)
    if not isinstance(release, Path):
        return None  # neither git nor DVC keeps it
    try:
        committed = _read_committed(root, release)
        if committed is None:
            return None
    except UserError:  # no git, no commit: nothing to compare with
        return None
    now = {path: md5 for path, (md5, _) in hashes.items()}
    paths = sorted(
        path for path in now.keys() | committed.keys() if now.get(path) != committed.get(path)
    )
    name = f"{release.relative_to(root)}.dvc"
    return _describe_difference(name, paths, committed.keys() - now) if paths else None


def _describe_difference(name: str, paths: list[str], missing: Collection[str]) -> str:
    named = ", ".join(paths[:_SHOWN]) + (", ..." if paths[_SHOWN:] else "")
    back = f"git checkout -- {name} dvc.lock && dvc"
    if len(missing) == len(paths):
        difference = f"lacks {len(paths)} file(s) of HEAD's {name}: {named}. If you withdrew them,"
        otherwise = f"If they were not pulled: {back} pull {name}"
    else:
        difference = (
            f"differs from HEAD's {name} in {len(paths)} file(s): {named}. If you edited them,"
        )
        otherwise = f"If you switched revisions by git alone: {back} checkout"
    release = name.removesuffix(".dvc")
    return f"{release} {difference} commit {name} and dvc.lock after this build. {otherwise}"


def _read_committed(root: Path, release: Path) -> dict[str, str] | None:
    """Return path to MD5 of the release at HEAD, None where that is not known here."""
    path = f"{release.relative_to(root)}.dvc"
    text = git.read_at(root, "HEAD", path)
    if text is None:
        return None
    md5 = git.read_outs(text, path, f"HEAD:{path}").get(str(release.relative_to(root)))
    if md5 is None or dvc.find_blob_file(root, md5) is None:  # a build fetches nothing
        return None
    return dvc.list_folder_files(root, md5)
