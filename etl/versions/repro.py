"""`ispy1 repro`: `dvc repro`, one at a time, after what a killed one left is mended."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from etl.model.locks import hold_lock
from etl.model.project import REPRO_PROCESS, release_path
from etl.model.store import scratch_folder
from etl.versions import dvc, rwlock
from etl.versions.edits import refuse_edits
from etl.versions.odd_files import ignore_odd_files


def run_repro(
    root: Path, words: Sequence[str], environment: Mapping[str, str], say: Callable[[str], None]
) -> int:
    """Run `dvc repro` with this program's own environment; return its exit code.

    DVC inherits the lock: where this process is killed, the next one waits until DVC has ended.

    Args:
        root: the project.
        words: what follows `dvc repro`.
        environment: further variables for the stages.
        say: told for whom this one waits, and what it mended.

    Raises:
        UserError: DVC would write over edits by hand.
    """
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    site = str(root / dvc.SITE_CACHE)
    own = {"PATH": path, REPRO_PROCESS: str(os.getpid()), "DVC_SITE_CACHE_DIR": site}
    with hold_lock(scratch_folder(root) / "repro.lock", "builds this project", say) as handle:
        if rwlock.remove_damaged_lock(root):
            say(f"{rwlock.RWLOCK}: was cut short by a killed build or a full disk; removed")
        if isinstance(release := release_path(root), Path):
            ignore_odd_files(release)  # before DVC opens a pipe, and waits
        if not {"--dry", "-n"} & set(words):
            refuse_edits(root)
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-m", "dvc", "repro", *words],
            cwd=root,
            env={**os.environ, **environment, **own},
            pass_fds=() if handle is None else (handle,),
            check=False,
        )
    return done.returncode
