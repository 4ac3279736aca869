"""What all tests share: the publisher's files where they are, and small projects."""

from __future__ import annotations

import os
import pickle
import shutil
from collections.abc import Iterator, Mapping, Sequence
from functools import wraps
from hashlib import md5
from pathlib import Path
from typing import Any

import duckdb
import made.green
import pandas as pd
import pytest
from catalogs import build_once
from gate.bench import open_tables
from history import make_story
from hypothesis import HealthCheck, settings
from support import ROOT, build, make_project, make_release
from tracked import Tracked, make_tracked

from etl.gate import engine
from etl.gate.engine import Value
from etl.gate.suites import Expectation
from etl.model import project as etl_project
from etl.warehouse import connect
from etl.warehouse.dialects import scripts

# Hundreds of processes start: none of them should compile the package anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# The machine may be slow and shared: no deadlines. Same examples in every run.
settings.register_profile(
    "small",
    deadline=None,
    derandomize=True,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("small")


# Tests that share what is dear to make run on one worker: the rest file by file.
TOGETHER = {
    "e2e": "e2e", "crash": "crash", "diff": "diff", "test_drift_gate.py": "diff",
    "test_changes.py": "diff", "incremental": "dvc", "remotes": "dvc", "engines": "engines",
    "exchange": "exchange", "faults": "faults",
}  # fmt: skip


# Over workers, what takes longest begins first: a minute at the end is one that the other waits.
LONGEST = ("e2e", "engines", "dvc", "faults", "diff", "crash")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Quick tests first, then faults, then e2e; over workers, the longest first."""

    def rank(item: pytest.Item) -> int:
        scopes = {_scope(item.nodeid), *item.path.parts}
        return next((n for n, name in enumerate(LONGEST) if name in scopes), len(LONGEST))

    items.sort(key=rank, reverse=not hasattr(config, "workerinput"))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:  # noqa: ANN401  untyped
    """By file and folder: pytest 9.2 no longer shows xdist 3.8 the names of its groups."""
    from xdist.scheduler.loadscope import LoadScopeScheduling

    config.option.loadscopereorder = False  # e2e takes longest, however few its tests are
    scheduler = LoadScopeScheduling(config, log)
    scheduler._split_scope = _scope
    return scheduler


def _scope(nodeid: str) -> str:
    file = nodeid.split("::", 1)[0]
    return next((TOGETHER[name] for name in file.split("/") if name in TOGETHER), file)


@pytest.fixture(scope="session")
def real() -> Path:
    """The folder of the publisher's files: ISPY1_REAL, else `shared/real` beside the project."""
    path = Path(os.environ.get("ISPY1_REAL", ROOT.parent / "shared" / "real"))
    if not path.is_dir():
        pytest.skip("the publisher's files are not here: set ISPY1_REAL")
    return path


@pytest.fixture(autouse=True)
def _params_are_read_anew() -> Iterator[None]:
    """params.yaml is read once a process; tests change it."""
    etl_project.params.cache_clear()
    yield
    etl_project.params.cache_clear()


@pytest.fixture(autouse=True, scope="session")
def _catalogs_are_made_once(
    tmp_path_factory: pytest.TempPathFactory, worker_id: str
) -> Iterator[None]:
    """The comments of 800 columns of views take most of a second for every new project."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "catalogs"
    with pytest.MonkeyPatch.context() as patch:
        build_catalog = build_once(connect.build, folder)
        for module in (connect, scripts):
            patch.setattr(module, "build", build_catalog)
        yield


@pytest.fixture(autouse=True, scope="session")
def _frames_are_judged_once() -> Iterator[None]:
    """Great Expectations is asked once what a suite says about columns: it takes seconds."""
    ask = engine.validate
    answers: dict[object, engine.Result | None] = {}

    @wraps(ask)
    def recall(
        root: Path,
        name: str,
        expectations: Sequence[Expectation],
        frame: pd.DataFrame,
        parameters: dict[str, Value],
    ) -> dict[str, engine.Result]:
        suite = name, repr(expectations), repr(sorted(parameters.items()))
        hashes = {str(column): _hash_column(frame[column]) for column in frame}
        keys = {e["id"]: (suite, e["id"], _hash_judged(e, frame, hashes)) for e in expectations}
        unknown = [e for e in expectations if keys[e["id"]] not in answers]
        results = ask(root, name, unknown, frame, parameters) if unknown else {}
        if any("problem" in result for result in results.values()):  # it may be of them all
            return ask(root, name, expectations, frame, parameters)
        answers.update({keys[e["id"]]: results.get(e["id"]) for e in unknown})
        recalled = {identity: answers[key] for identity, key in keys.items()}
        return {identity: result for identity, result in recalled.items() if result is not None}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "validate", recall)
        yield


def _hash_column(values: pd.Series[Any]) -> str:
    return md5(pickle.dumps(values), usedforsecurity=False).hexdigest()


def _hash_judged(expectation: Expectation, frame: pd.DataFrame, hashes: Mapping[str, str]) -> str:
    """Return what an expectation's answer depends on: the columns it names, or the form alone."""
    kwargs = expectation["kwargs"]
    listed = [
        v for value in kwargs.values() for v in (value if isinstance(value, list) else [value])
    ]
    named = [v for v in listed if isinstance(v, str) and v in hashes]
    if expectation["type"].startswith("expect_table_"):
        return repr((len(frame), list(hashes)))
    return repr([hashes[v] for v in named] if named and "row_condition" not in kwargs else hashes)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose release is empty."""
    return make_project(tmp_path / "project")


@pytest.fixture
def release(project: Path) -> Path:
    """The release of `project`, with two small cases that keep every rule of reading."""
    return make_release(project / "data" / "release")


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with two small cases and all tables. For reading only."""
    root = make_project(tmp_path_factory.mktemp("built") / "project")
    make_release(root / "data" / "release")
    build(root)
    return root


@pytest.fixture
def rebuilt(built: Path, tmp_path: Path) -> Path:
    """A copy of `built` that a test may change."""
    return Path(shutil.copytree(built, tmp_path / "project"))


@pytest.fixture(scope="session")
def green(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose made tables keep every contract. For reading only."""
    return made.green.make_project(tmp_path_factory.mktemp("green") / "project")


@pytest.fixture
def tables(green: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The tables of `green` in memory, as the gate reads them."""
    with open_tables(green) as connection:
        yield connection


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Tracked:
    """Such a project under git and DVC. For reading only."""
    return make_tracked(tmp_path_factory.mktemp("tracked") / "project")


@pytest.fixture(scope="session")
def story(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A built project with two tagged versions. For reading only."""
    return make_story(tmp_path_factory.mktemp("story") / "project")


@pytest.fixture
def tracked(original: Tracked, tmp_path: Path) -> Tracked:
    """A copy of `original` that a test may change."""
    return original.copy(tmp_path / "project")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many tests were skipped, also where none was."""
    skipped = terminalreporter.stats.get("skipped", [])
    terminalreporter.write_line(f"skipped: {len(skipped)}")
