"""How the build grows: with workers, here and on a Dask cluster, and with cases."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from engines.local_dask import start_cluster
from support import make_project

from bench import release
from bench.checkout import environment_of

FEW_SMALL, MANY_SMALL = 100, 1_000
LARGE = 48  # cases of full size
# The others grow alike, and take ten minutes.
OF_SMALL = ("images", "masks", "voxel_files")
_CASE = re.compile(r"ISPY1_[0-9]{4}")
_BUILD = """
import json, resource, sys, time
from pathlib import Path
from etl.build.index import write_indexes
from etl.build.run import build_tables
root = Path()
if not sys.argv[1:]:  # apart, as DVC holds what it hashes
    write_indexes(root)
    sys.exit()
start = time.perf_counter()
build_tables(root, sys.argv[2:], int(sys.argv[1]), reuse=False)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps([time.perf_counter() - start, peak]))
"""


@dataclass(frozen=True, slots=True)
class Build:
    """One build of all tables. `peak_mib`: of the process that hands out the work."""

    name: str
    n_cases: int
    workers: int
    seconds: float
    peak_mib: float


def measure_cases(project: Path, workers: int) -> Iterator[Build]:
    """Yield builds of few and of many small cases: the project's phantom under other names."""
    for n_cases in (FEW_SMALL, MANY_SMALL):
        with _make_project(project, project / "data/phantom", n_cases) as root:
            yield _build(root, "small, here", n_cases, workers, names=OF_SMALL)


def measure_workers(project: Path, workers: int) -> Iterator[Build]:
    """Yield builds of cases of full size with one worker and with all, here and on Dask."""
    source = release.prepare(project, 8).root / "release"
    with _make_project(project, source, LARGE) as root:
        for n_workers in (1, workers):
            yield _build(root, "full size, here", LARGE, n_workers)
            names = [f"worker {number}" for number in range(n_workers)]
            with start_cluster(root.parent / f"dask {n_workers}", *names) as cluster:
                address = {"ISPY1_SCHEDULER": cluster.address}
                yield _build(root, "full size, Dask", LARGE, n_workers, address)


@contextmanager
def _make_project(project: Path, source: Path, n_cases: int) -> Iterator[Path]:
    """Yield a project whose release is another's, its cases linked under as many names as asked."""
    with tempfile.TemporaryDirectory(dir=project / ".dvc/tmp") as folder:
        root = Path(folder) / "project"
        make_project(root)
        by_case: dict[str, list[Path]] = defaultdict(list)
        for path in sorted(path for path in source.rglob("*") if path.is_file()):
            by_case[next(iter(_CASE.findall(path.name)), "")].append(path)
        cases = sorted(by_case.keys() - {""})
        for number in range(n_cases):
            original, name = cases[number % len(cases)], f"ISPY1_{1000 + number}"
            for path in by_case[original]:
                inside = str(path.relative_to(source)).replace(original, name)
                link = root / "data/release" / inside
                link.parent.mkdir(parents=True, exist_ok=True)
                link.hardlink_to(path)
        yield root


def _build(
    root: Path,
    name: str,
    n_cases: int,
    workers: int,
    more: Mapping[str, str] | None = None,
    names: Sequence[str] = (),
) -> Build:
    """Build all tables anew in a process of its own, as `ispy1 tables --force` does."""
    sys.stderr.write(f"{name}: {n_cases} cases, {workers} worker(s)\n")
    environment = {**environment_of(root), **(more or {})}
    words = [sys.executable, "-c", _BUILD]
    subprocess.run(words, cwd=root, env=environment, check=True)
    words += [str(workers), *names]
    done = subprocess.run(words, cwd=root, env=environment, check=True, stdout=subprocess.PIPE)
    seconds, peak_mib = json.loads(done.stdout.splitlines()[-1])
    return Build(name, n_cases, workers, seconds, peak_mib)
