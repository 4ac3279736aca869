"""Hand the release to DVC: one .dvc file for the whole folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from etl.errors import UserError

TARGET = "data/release"  # where an adopted release lies in every project


def tracking_file(root: Path) -> Path:
    """The .dvc file of the release."""
    return root / f"{TARGET}.dvc"


def dvc_add(root: Path, command: str = "adopt") -> None:
    """`dvc add data/release`, for a command of ispy1 that put files there.

    Raises:
        UserError: DVC says why it cannot; the files are in place, so the next run resumes.
    """
    done = _dvc(root, "add", "--quiet", TARGET)
    if done.returncode != 0:
        message = (
            f"{root / TARGET}: the files are in place, but dvc add failed "
            f"({_last_line(done.stderr)}). Mend that and run ispy1 {command} again."
        )
        raise UserError(message)


def cache_folder(root: Path) -> Path:
    """Where DVC keeps its copies: another disk, perhaps."""
    done = _dvc(root, "cache", "dir")
    named = done.stdout.strip()
    return root / (named if done.returncode == 0 and named else ".dvc/cache")


def _dvc(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  our own interpreter and fixed words
        [sys.executable, "-m", "dvc", *arguments],
        cwd=root,
        env={**os.environ, "DVC_NO_ANALYTICS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def _last_line(text: str) -> str:
    """The line in which DVC names the error; it often adds advice after it."""
    told = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in told if line.startswith("ERROR")]
    return (errors or told or ["no reason given"])[-1]
