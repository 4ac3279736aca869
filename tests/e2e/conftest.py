"""A clone of the working tree with a phantom of two cases, built once by `make`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support import ROOT
from tracked import Tracked
from typer.testing import Result

from e2e import inside
from e2e.inside import Reproduced


class Clone(Tracked):
    """A checkout in which commands run as a user would run them, by its .venv."""

    @property
    def environment(self) -> dict[str, str]:
        every = super().environment
        own = {name: every[name] for name in every.keys() - {"ISPY1_WORKERS", "PYTHONPATH"}}
        return {**own, "PATH": f"{self.root}/.venv/bin:{os.environ['PATH']}"}

    def copy(self, target: Path) -> Clone:
        return Clone(super().copy(target).root)

    def clone(self, target: Path) -> Clone:
        super().clone(target)
        (target / ".venv").symlink_to(sys.prefix)
        return Clone(target)

    def ask(self, command: str, stdin: str = "") -> Result:
        """Give a command of ours in this process."""
        return inside.ask(self.root, command, stdin)

    def repro(self, words: str = "") -> Reproduced:
        """Give `ispy1 repro` in this process, with further words."""
        return inside.reproduce(self.root, f"ispy1 repro {words}")


# What a build in the working tree left: a fresh clone has none of it.
BUILT = ("dvc.lock", "data/dvc.lock", "data/release.dvc", "reports/")


def make_clone(target: Path, cases: int = 2) -> Clone:
    """The working tree as `git clone` would give it, with this environment as its .venv."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, check=True).stdout.decode()
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file() and not name.startswith(BUILT):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
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
