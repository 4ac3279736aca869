"""What is said of the release and its tables in several forms: version, date, licence, formats."""

from __future__ import annotations

import os
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from etl.model.errors import UserError
from etl.read.source import show_address
from etl.versions import git
from etl.versions.dvc import release_hash

if TYPE_CHECKING:
    from etl.model.address import Folder

PACKAGE = "ispy1-warehouse"
# By the end of the name; what a system says of one differs.
_FORMATS = {
    ".parquet": "application/vnd.apache.parquet", ".nii.gz": "application/gzip",
    ".nii": "application/x-nifti", ".csv": "text/csv", ".json": "application/json",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".yaml": "application/yaml",
}  # fmt: skip
_OTHER_FORMAT = "text/plain"


def name_format(path: str) -> str:
    """Return the media type of a file."""
    return next((form for end, form in _FORMATS.items() if path.endswith(end)), _OTHER_FORMAT)


def name_licence(licence: str) -> str:
    """Return the SPDX address of a Creative Commons licence; another text as it is."""
    short = licence.replace(" ", "-")
    return f"https://spdx.org/licenses/{short}" if short.startswith("CC") else licence


def name_version(root: Path) -> str:
    """Return version of the program and DVC's hash of the release that was built."""
    release = (release_hash(root) or "unbuilt").partition(".")[0]
    return f"{version(PACKAGE)}+release.{release}"


def find_commit(root: Path) -> tuple[str, datetime] | None:
    """Return hash and time of the commit that is checked out, None where there is none."""
    try:
        head = git.resolve(root, "HEAD")
    except UserError:
        return None
    return head.commit, head.committed


def locate_blob(release: Folder, path: str, target: Path) -> str:
    """Return where a blob is: from a folder in which something is written, or its address."""
    if isinstance(release, Path):
        return Path(os.path.relpath(release.resolve() / path, target.resolve())).as_posix()
    return show_address(release, path)
