"""A clone of the working tree with a phantom of two cases, built once by `make`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from remotes.conftest import s3_remote
from support import build
from tracked import STAGES

__all__ = ["s3_remote"]  # a fixture: tests find it here by its name

HERE = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Clone:
    """A checkout in which commands run as a user would run them."""

    root: Path

    def run(self, command: str, *, ok: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            ["bash", "-c", command], cwd=self.root, env=self.environment, text=True,
            capture_output=True, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        if ok:
            assert done.returncode == 0, f"{command}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        return done

    @property
    def environment(self) -> dict[str, str]:
        clean = {
            k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "GIT_", "DVC_"))
        }
        identity = {"GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@example.org",
                    "GIT_COMMITTER_NAME": "t", "GIT_COMMITTER_EMAIL": "t@example.org"}  # fmt: skip
        return {**clean, **identity, "PATH": f"{self.root}/.venv/bin:{os.environ['PATH']}"}

    def tables(self) -> dict[str, bytes]:
        return {
            p.name: p.read_bytes() for p in sorted((self.root / "data/tables").glob("*.parquet"))
        }

    def build(self) -> None:
        """Make all tables in this process, and let DVC take them: quicker than a repro."""
        build(self.root)
        self.run(f"dvc commit -q -f {STAGES}")

    def branch(self, target: Path) -> Clone:
        """A copy of this clone, DVC cache and data included."""
        shutil.copytree(self.root, target, symlinks=True)
        return Clone(target)


# What a build in the working tree left: a fresh clone has none of it.
BUILT = ("dvc.lock", "data/dvc.lock", "data/release.dvc", "reports/")


def make_clone(target: Path, cases: int = 2) -> Clone:
    """The working tree as `git clone` would give it, with this environment as its .venv."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=HERE, capture_output=True, check=True).stdout.decode()
    for name in filter(None, names.split("\0")):
        if (HERE / name).is_file() and not name.startswith(BUILT):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(HERE / name, target / name)
    params = target / "params.yaml"
    params.write_text(params.read_text().replace("cases: 12", f"cases: {cases}"))
    (target / ".venv").symlink_to(sys.prefix)
    (target / ".git" / "info").mkdir(parents=True)
    clone = Clone(target)
    clone.run(
        "git init -q && echo .venv >> .git/info/exclude && git add -A && git commit -qm clone"
    )
    return clone


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    clone = make_clone(tmp_path_factory.mktemp("e2e") / "clone")
    Path(sys.prefix, ".ready").touch()  # what `make setup` leaves: this environment is set up
    clone.run("make")
    return clone
