"""git as a process, and what needs nothing else: in a moment, for completion and `--version`."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from etl.model.errors import UserError

# Inside a hook git sets these; they would lead to the repository and the index of the hook.
_OF_A_HOOK = frozenset(
    {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR"}
)


def list_tag_names(root: Path) -> list[str]:
    """Return the name of every tag, by version number."""
    form = "--format=%(refname:short)"
    words = ("for-each-ref", "--sort=version:refname", form, "refs/tags")
    return run_git(root, *words).decode().split()


def describe_checkout(root: Path) -> str | None:
    """Return what is checked out: its tag, or the next one, and hash; None: no clone.

    `-dirty` follows where files differ.
    """
    if not (root / ".git").exists():
        return None
    words = ("describe", "--always", "--tags", "--dirty", "--abbrev=12")
    return run_git(root, *words).decode().strip()


def run_git(root: Path, *words: str, given: str = "") -> bytes:
    """Return what git says.

    Raises:
        UserError: git is not installed, or refuses.
    """
    outside = {k: v for k, v in os.environ.items() if k not in _OF_A_HOOK}
    try:
        done = subprocess.run(  # noqa: S603  fixed words; names of revisions come by stdin
            ["git", "-c", "core.quotePath=false", *words],  # noqa: S607  the user's own git
            cwd=root, env={**outside, "LC_ALL": "C"}, input=given.encode(),
            capture_output=True, check=True,
        )  # fmt: skip
    except FileNotFoundError as error:
        message = "git is not installed; versions are kept by it. Install git."
        raise UserError(message) from error
    except subprocess.CalledProcessError as error:
        lines = error.stderr.decode(errors="replace").strip().splitlines()
        message = f"{root}: git cannot answer ({lines[0] if lines else error})."
        raise UserError(message) from error
    return done.stdout
