"""What a person waits for beside the measuring: start-up, and the pipeline through DVC."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.checkout import environment_of

ROUNDS = 3
_HELP = "import sys; sys.argv = ['ispy1', '--help']; from etl.cli import main; main()"
_CONNECT = """
import sys, time
import etl
etl.connect
start = time.perf_counter()
etl.connect()
sys.stdout.write(str(time.perf_counter() - start))
"""


def startup(project: Path) -> dict[str, float]:
    """Seconds of `ispy1 --help`, and of `etl.connect()` in the project without and with cache."""
    found = {"ispy1 --help": statistics.median(_help(project) for _ in range(ROUNDS))}
    if any((project / "data" / "tables").glob("*.parquet")):
        for kept in (project / ".dvc" / "tmp" / "ispy1").glob("catalog-*.duckdb"):
            kept.unlink()  # the catalog that connect() keeps may be deleted at any time
        found["etl.connect(), cold catalog"] = _connect(project)
        warm = statistics.median(_connect(project) for _ in range(ROUNDS))
        found["etl.connect(), warm"] = warm
    return found


def _help(project: Path) -> float:
    start = time.perf_counter()
    _python(project, "-c", _HELP)
    return time.perf_counter() - start


def _connect(project: Path) -> float:
    return float(_python(project, "-c", _CONNECT))


def pipeline(project: Path) -> dict[str, float]:
    """Seconds of `dvc repro` in a clone of the last commit: from nothing, and once more."""
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "clone"
        git = shutil.which("git") or "git"
        subprocess.run([git, "clone", "--quiet", str(project), str(clone)], check=True)
        return {name: _repro(clone) for name in ("dvc repro, from nothing", "dvc repro, again")}


def _repro(clone: Path) -> float:
    start = time.perf_counter()
    _python(clone, "-m", "dvc", "repro")
    return time.perf_counter() - start


def _python(project: Path, *words: str) -> str:
    """Run this Python in the project, with the project's code first; give what it prints."""
    done = subprocess.run(
        [sys.executable, *words],
        cwd=project,
        env=environment_of(project),
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return done.stdout
