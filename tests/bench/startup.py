"""What a person waits for beside the measuring: start-up, and the pipeline through DVC."""

from __future__ import annotations

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


def time_startup(project: Path) -> dict[str, float]:
    """Return the seconds of `ispy1 --help`, and of `etl.connect()` without and with its cache."""
    seconds = {
        "ispy1 --help": statistics.median(_time(project, "-c", _HELP) for _ in range(ROUNDS))
    }
    if any((project / "data" / "tables").glob("*.parquet")):
        for catalog in (project / ".dvc" / "tmp" / "ispy1").glob("catalog-*.duckdb"):
            catalog.unlink()  # the catalog that connect() keeps may be deleted at any time
        cold, *warm = (float(_run_python(project, "-c", _CONNECT)) for _ in range(1 + ROUNDS))
        seconds["etl.connect(), cold catalog"] = cold
        seconds["etl.connect(), warm"] = statistics.median(warm)
    return seconds


def time_pipeline(project: Path) -> dict[str, float]:
    """Return the seconds of `dvc repro` in a clone of the last commit: from nothing, once more."""
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "clone"
        subprocess.run(["git", "clone", "--quiet", str(project), str(clone)], check=True)
        names = ("dvc repro, from nothing", "dvc repro, again")
        return {name: _time(clone, "-m", "dvc", "repro") for name in names}


def _time(project: Path, *words: str) -> float:
    start = time.perf_counter()
    _run_python(project, *words)
    return time.perf_counter() - start


def _run_python(project: Path, *words: str) -> str:
    """Run this Python in the project, with the project's code first; return what it prints."""
    done = subprocess.run(
        [sys.executable, *words], cwd=project, env=environment_of(project), check=True,
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    return done.stdout
