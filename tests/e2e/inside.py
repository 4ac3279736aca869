"""Commands and DVC's stages in this process: the start of another takes a second each time."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest.mock import patch

from dvc.exceptions import ReproductionError
from dvc.repo import Repo
from dvc.stage import run as dvc_run
from dvc.stage.exceptions import StageCmdFailedError
from typer.testing import CliRunner, Result

from etl.cli import app
from etl.model.project import params
from etl.versions import dvc, repro


class Reproduced(NamedTuple):
    """What `ispy1 repro` did."""

    exit_code: int
    said: dict[str, str]  # of each stage that ran


def ask(root: Path, command: str, stdin: str = "") -> Result:
    """Give a command of ours."""
    params.cache_clear()
    with chdir(root):
        return CliRunner().invoke(app, shlex.split(command)[1:], input=stdin)


def reproduce(root: Path, command: str = "ispy1 repro") -> Reproduced:
    """Give `ispy1 repro`; DVC and the stages that it finds stale run here, too."""
    said: dict[str, str] = {}

    def run_stage(stage: Any, **_: object) -> None:  # noqa: ANN401  DVC has no types
        answer = ask(root, stage.cmd)
        said[stage.addressing] = answer.output
        if answer.exit_code:
            raise StageCmdFailedError(stage.cmd, answer.exit_code)

    def run_dvc(words: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        targets = [word for word in words[4:] if not word.startswith("-")]
        try:
            with patch.object(dvc_run, "cmd_run", run_stage), open_repo(root) as repo:
                repo.reproduce(targets or None, allow_missing="--allow-missing" in words)
        except ReproductionError:
            return subprocess.CompletedProcess(words, 255)
        return subprocess.CompletedProcess(words, 0)

    here = SimpleNamespace(run=run_dvc)
    with patch.object(repro, "subprocess", here), patch.dict(os.environ, ISPY1_WORKERS="1"):
        answer = ask(root, command)
    assert answer.exit_code in (0, 1), f"{answer.output}\n{answer.exception!r}\n{said}"
    return Reproduced(answer.exit_code, said)


@contextmanager
def open_repo(root: Path) -> Iterator[Any]:
    """Yield DVC's own object, in which `dvc push` is `push()`."""
    params.cache_clear()
    with chdir(root), dvc._open_repo(root) as repo:
        assert isinstance(repo, Repo)
        yield repo
