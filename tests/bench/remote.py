"""Bytes that leave a remote in S3: for questions on one case, and for a pull of all tables."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from history import begin, commit, keep, set_remote
from remotes.conftest import BUCKET, serve_s3
from remotes.counting import Traffic, count_traffic
from support import make_project

import etl
from etl.model.project import GATE, TABLES
from etl.model.store import list_parts
from etl.versions import revision_tables
from etl.versions.push import push_versions

# In the order in which they are asked, each by a new connection.
QUESTIONS = {
    "masks, one case, a column": "select mask, volume_cm3 from masks where case_id = '{}'",
    "masks, one case": "from masks where case_id = '{}'",
    "features, one case": "from features where case_id = '{}'",
    "voxels, one case, a column": "select avg(z1) from voxels where case_id = '{}'",
    "voxels, one case": "from voxels where case_id = '{}'",
    "view volumes": "from volumes",
}


@dataclass(frozen=True, slots=True)
class Moved:
    """What one question moved."""

    question: str
    requests: int
    n_bytes: int
    seconds: float


def measure_remote(project: Path) -> Iterator[Moved]:
    """Yield what questions move of the tables that are built in a project, then a pull of all."""
    with tempfile.TemporaryDirectory() as scratch, _serve(Path(scratch)) as traffic:
        root = _push_tables(project, Path(scratch) / "project", traffic.endpoint)
        cases = sorted(list_parts(root / TABLES, "voxels"))
        case_id = cases[len(cases) // 2]

        def connect() -> None:
            etl.connect(root, rev="v1", remote=True)

        yield _count(traffic, "first connection: every footer, kept", connect)
        yield _count(traffic, "connection", connect)
        for name, sql in QUESTIONS.items():
            db = etl.connect(root, rev="v1", remote=True)
            question = sql.format(case_id)
            yield _count(traffic, name, lambda: db.execute(question).fetchall())  # noqa: B023
        yield _count(traffic, "pull of all tables", lambda: revision_tables.find_files(root, "v1"))


def _count(traffic: Traffic, name: str, work: Callable[[], object]) -> Moved:
    traffic.clear()
    start = time.perf_counter()
    work()
    seconds = time.perf_counter() - start
    return Moved(name, len(traffic.requests), sum(traffic.sent.values()), seconds)


@contextmanager
def _serve(scratch: Path) -> Iterator[Traffic]:
    """Serve an empty bucket, and count what leaves it."""
    with serve_s3(scratch) as remote, count_traffic(remote.options["endpointurl"]) as traffic:
        os.environ |= remote.environment
        yield traffic


def _push_tables(project: Path, root: Path, endpoint: str) -> Path:
    """Make a project with these tables in v1 whose cache is empty."""
    make_project(root)
    begin(root)
    for folder in (TABLES, GATE):
        shutil.copytree(project / folder, root / folder)
    set_remote(root, f"s3://{BUCKET}/bench", endpointurl=endpoint)
    keep(root, *(f"{folder}: {{persist: true}}" for folder in (TABLES, GATE)))
    commit(root, "v1")
    push_versions(root, every=True)
    shutil.rmtree(root / ".dvc" / "cache")
    return root
