"""A clone of the working tree with a phantom of two cases, built once by `make`."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from contextlib import chdir
from pathlib import Path

import pytest
from remotes.conftest import s3_remote
from support import ROOT, build
from tracked import Tracked
from typer.testing import CliRunner, Result

from etl.ask.card.card import write_card
from etl.ask.metrics import write_metrics
from etl.build.run import Built
from etl.cli import app
from etl.gate.judge import run_gate
from etl.model.project import params
from etl.site.build import write_site
from etl.warehouse.splits import update_splits

__all__ = ["s3_remote"]  # a fixture: tests find it here by its name


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
        """Give a command of ours in this process: another one's start would prove nothing."""
        params.cache_clear()
        with chdir(self.root):
            return CliRunner().invoke(app, shlex.split(command)[1:], input=stdin)

    def build(self) -> dict[str, Built]:
        """Make and judge all tables in this process, and let DVC take them: as a repro does."""
        params.cache_clear()
        built = build(self.root)
        update_splits(self.root)
        run_gate(self.root)
        write_card(self.root)
        write_metrics(self.root)
        write_site(self.root, lambda *_: None)
        self.run("dvc commit -q -f index tables split gate card site")
        return built


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
