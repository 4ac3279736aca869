"""What the tests in other engines share: two built projects, their answers by DuckDB."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import chdir
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from made import small
from support import ROOT, build, make_project
from typer.testing import CliRunner

import etl
from etl.cli import app
from etl.model.project import params
from etl.warehouse.dialects.scripts import Dialect
from etl.warehouse.export import export
from etl.warehouse.splits import update_splits
from etl.warehouse.views import read_sql

MACROS = ("enhancing_volume(70)", "voxel_entropy(1, 32)", "voxel_percentiles(2)")
QUESTIONS = (*sorted(read_sql(ROOT / "sql" / "views")), *MACROS)
# Moments from sums of powers cancel: DuckDB's digits behind these change with its threads.
CANCELS = {"skewness": 1e-6, "kurtosis": 1e-6}
NOT_BUILT = "problems"  # of the phantom: it reads what the gate found, and none has judged it
Answer = tuple[list[str], list[tuple[Any, ...]]]


def need(module: str) -> Any:  # noqa: ANN401  a module
    """Return a module that only `make engines` installs, or skip."""
    try:
        return import_module(module)
    except ImportError:
        reason = f"{module.partition('.')[0]} is not installed: `make engines` installs it"
        pytest.skip(reason, allow_module_level=True)


_connect = cache(etl.connect)


@cache
def _ask(root: Path, question: str) -> Answer:
    cursor = _connect(root).execute(f"from {question}")
    return [column[0] for column in cursor.description or ()], cursor.fetchall()


@dataclass(frozen=True)
class Exports:
    """The tables of the phantom, and made ones of which every view has rows; their exports."""

    phantom: Path
    small: Path
    folder: Path

    def write(self, dialect: Dialect) -> tuple[Path, Path]:
        """Export both for an engine; return the folders."""
        targets = self.folder / f"{dialect}-phantom", self.folder / f"{dialect}-small"
        for root, target in zip((self.phantom, self.small), targets, strict=True):
            export(root, target, dialect=dialect)
        return targets

    def ask(self, root: Path, question: str) -> Answer:
        """Return what DuckDB answers, asked once for all engines."""
        return _ask(root, question)


@pytest.fixture(scope="session")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Exports:
    folder = tmp_path_factory.mktemp("engines")
    phantom = make_project(folder / "phantom", release="data/phantom")
    with chdir(phantom):
        assert CliRunner().invoke(app, ["phantom"]).exit_code == 0
    params.cache_clear()
    build(phantom)
    update_splits(phantom)
    return Exports(phantom, small.make_project(folder / "small"), folder)


@pytest.fixture(scope="session")
def empty(exports: Exports) -> set[str]:
    """The questions to which the phantom has no row: the made tables have some."""
    asked = [question for question in QUESTIONS if question != NOT_BUILT]
    return {NOT_BUILT} | {q for q in asked if not exports.ask(exports.phantom, q)[1]}


def check_equal(expected: Answer, given: Answer, cut: int | None = None) -> None:
    """Compare two answers without their order: floats to 1e-9."""
    names, rows = expected
    assert sorted(name[:cut] for name in names) == sorted(given[0])
    order = [given[0].index(name[:cut]) for name in names]
    ours = sorted((tuple(map(_freeze, row)) for row in rows), key=_sort_key)
    theirs = sorted((tuple(_freeze(row[i]) for i in order) for row in given[1]), key=_sort_key)
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        unlike = [
            (name, a, b) for name, a, b in zip(names, one, other, strict=True)
            if not _is_same(a, b, CANCELS.get(name, 1e-12))
        ]  # fmt: skip
        assert not unlike, one


def _freeze(value: object) -> object:
    if isinstance(value, Mapping):
        return tuple(sorted(value.items()))
    return tuple(value) if isinstance(value, list) else value


def _sort_key(row: Sequence[object]) -> str:
    return repr([float(f"{v:.6g}") if isinstance(v, float) else v for v in row])


def _is_same(a: object, b: object, least: float) -> bool:
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(map(_is_same, a, b, [least] * len(a)))
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=1e-9, abs_tol=least) or (math.isnan(a) and math.isnan(b))
    return a == b and isinstance(a, bool) == isinstance(b, bool)
