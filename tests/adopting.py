"""What tests of `ispy1 adopt` share: downloads, and projects that take them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from support import copy_code

from etl.adopt import execute, foresee, idc
from etl.versions.track import tracking_file

RELEASE = "data/release"
PARAMS = """\
# the release that the pipeline reads
release: data/phantom
profile: phantom  # what it is expected to be
phantom: {cases: 12}
"""


def fill(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files by path."""
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


def put(folder: Path, *paths: str) -> Path:
    """Write files that hold their own paths; return the folder."""
    fill(folder, {path: path.encode() for path in paths})
    return folder


def read_tree(folder: Path) -> dict[str, bytes]:
    """The files below a folder."""
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def make_bare(root: Path) -> Path:
    """A project of profiles and a few parameters, which reads the phantom."""
    copy_code(root, ("dvc.yaml", "expectations/profiles"))
    (root / "params.yaml").write_text(PARAMS)
    (root / "data").mkdir()
    return root


def skip_dvc(patch: pytest.MonkeyPatch) -> None:
    """Take DVC for granted: it tracks the release and keeps nothing."""

    def add_release(root: Path, *_: str) -> None:
        tracking_file(root).write_text("outs: []")

    patch.setattr(execute, "add_release", add_release)
    patch.setattr(idc, "add_release", add_release)
    patch.setattr(foresee, "find_cache", lambda root: root / ".dvc/cache")
