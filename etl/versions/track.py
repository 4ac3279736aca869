"""Hand the release to DVC: one .dvc file for the whole folder."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

from etl.model import project
from etl.model.address import is_address
from etl.model.errors import UserError
from etl.versions.dvc_config import read_config
from etl.versions.run_git import run_git

TARGET = "data/release"  # where an adopted release lies in every project


def tracking_file(root: Path) -> Path:
    """Return the .dvc file of the release."""
    return root / f"{TARGET}.dvc"


def require_tracking(root: Path) -> None:
    """Refuse a project in which DVC could not track the release, before anything is copied.

    Raises:
        UserError: no git, a git that refuses, or a release that is a link.
    """
    release = root / TARGET
    if release.is_symlink():
        message = (
            f"{release}: is a link to {release.readlink()}, and DVC tracks folders. "
            f"Remove the link, and adopt the folder that it names."
        )
        raise UserError(message)
    has_no_git = read_config(root).get("core.no_scm", (root, "false"))[1].lower() == "true"
    if has_no_git or not (root / ".dvc" / "config").is_file():
        return
    try:
        run_git(root, "rev-parse", "--git-dir")
    except UserError as error:
        if "not installed" in str(error):
            raise
        if "dubious ownership" in str(error):
            message = (
                f"{root}: git refuses a folder that belongs to another user. If you trust it: "
                f"git config --global --add safe.directory {shlex.quote(str(root))}"
            )
        else:
            message = (
                f"{root}: is under no git (a ZIP of a project holds none), and DVC needs it. "
                "Clone the project, or run: git init && git add -A && git commit -m start"
            )
        raise UserError(message) from error


def refuse_address(root: Path) -> None:
    """Refuse a project whose release lies elsewhere: files are put into a folder alone.

    Raises:
        UserError: params.yaml names an address.
    """
    name = project.release_name(root)
    if is_address(name):
        message = (
            f"{root / project.PARAMS}: the release is {name}, and files are put into {TARGET} "
            f"alone. Copy them to that address with the store's own tools, or say "
            f"`release: {TARGET}` first."
        )
        raise UserError(message)


def add_release(root: Path, command: str = "adopt") -> None:
    """Run `dvc add data/release`, for a command of ispy1 that put files there.

    Raises:
        UserError: DVC says why it cannot; the files are in place, so the next run resumes.
    """
    done = subprocess.run(  # noqa: S603  our own interpreter and fixed words
        [sys.executable, "-m", "dvc", "add", "--quiet", TARGET],
        cwd=root, env={**os.environ, "DVC_NO_ANALYTICS": "1"}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if done.returncode != 0:
        message = (
            f"{root / TARGET}: the files are in place, but dvc add failed "
            f"({_find_error_line(done.stderr)}). Mend that and run ispy1 {command} again."
        )
        raise UserError(message)


def _find_error_line(text: str) -> str:
    """Return the line in which DVC names the error; it often adds advice after it."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")]
    return (errors or lines or ["no reason given"])[-1]
