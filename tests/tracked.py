"""A user's project of two small cases under git and DVC, in which commands run as a user's do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from support import (
    CODE,
    NATIVE_AFFINE,
    build,
    copy_code,
    make_release,
    mask_voxels,
    table_bytes,
    write_nifti,
)

from etl.model import project
from etl.model.params_file import set_params

PARTS = (*CODE, ".gitignore", "etl")
FTV = "masks_ftv/ISPY1_9001.nii.gz"
# The stages that tables are made by; the gate and the card have tests of their own.
STAGES = "index tables"
IDENTITY = {
    "GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@example.org",
    "GIT_COMMITTER_NAME": "t", "GIT_COMMITTER_EMAIL": "t@example.org",
}  # fmt: skip


@dataclass(frozen=True)
class Tracked:
    """A checkout. Its own copy of the package runs in it."""

    root: Path

    @property
    def release(self) -> Path:
        return self.root / "data" / "release"

    @property
    def environment(self) -> dict[str, str]:
        clean = {
            k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "GIT_", "DVC_"))
        }
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        quiet = {"DVC_NO_ANALYTICS": "1", "ISPY1_WORKERS": "1", "PYTHONPATH": str(self.root)}
        return {**clean, **IDENTITY, **quiet, "PATH": path}

    def do(
        self, command: str, *, ok: bool | None = True, env: Mapping[str, str] = MappingProxyType({})
    ) -> subprocess.CompletedProcess[str]:
        """Run a command; `ok`: it must end well (True), must fail (False), or either (None)."""
        done = subprocess.run(
            ["bash", "-c", command], cwd=self.root, env={**self.environment, **env}, text=True,
            capture_output=True, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        fails = ok is not None and (done.returncode == 0) != ok
        assert not fails, f"{command}: {done}"[-8000:]
        return done

    def run(
        self, command: str, *, ok: bool | None = True, env: Mapping[str, str] = MappingProxyType({})
    ) -> str:
        """Run a command; return what it printed, errors behind."""
        done = self.do(command, ok=ok, env=env)
        return done.stdout + done.stderr

    def tables(self) -> dict[str, bytes]:
        return table_bytes(self.root)

    def edit(self, content: int, path: str = FTV) -> None:
        """Another first mask: as many voxels more as `content` says."""
        voxels = mask_voxels(1, "ftv")
        voxels[:content, 0, 0] = 255
        write_nifti(self.release / path, voxels, NATIVE_AFFINE, scl_slope=1, scl_inter=0)

    def copy(self, target: Path) -> Tracked:
        shutil.copytree(self.root, target, symlinks=True)
        return Tracked(target)

    def clone(self, target: Path) -> Tracked:
        """What a colleague has: git's files, no data."""
        self.run(f"git clone -q . '{target}'")
        return Tracked(target)


def make_tracked(root: Path) -> Tracked:
    """Two cases, all tables, committed and tagged v1. The stages run in this process: quicker."""
    here = Tracked(root)
    copy_code(root, PARTS)
    set_params(root / "params.yaml", {"release": "data/release", "phantom.cases": 2})
    project.params.cache_clear()
    make_release(here.release)
    here.run("git init -q -b main && dvc add -q data/release")
    build(root)
    here.run(f"dvc commit -q -f {STAGES} && git add -A && git commit -qm v1 && git tag v1")
    return here
