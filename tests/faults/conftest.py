"""One small phantom and one finished build a session; each fault breaks a copy."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from support import make_project

from etl.build.index import write_indexes
from etl.build.run import build_tables
from etl.gate.judge import run_gate
from etl.phantom.build import make
from etl.warehouse.splits import update_splits
from faults.breaks import Release


def build_stale(root: Path) -> None:
    """Index, then what is stale: what `dvc repro` does before the gate, in this process."""
    write_indexes(root)
    build_tables(root, workers=1)
    update_splits(root)


@pytest.fixture(scope="session")
def baseline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = make_project(tmp_path_factory.mktemp("baseline") / "project", release="data/phantom")
    make(root / "data/phantom", root / "data/truth.parquet", cases=2, seed=1, workers=1)
    build_stale(root)
    run_gate(root)
    return root


@pytest.fixture
def broken(baseline: Path, tmp_path: Path) -> Release:
    """A copy of the finished build; the release's files are hard links."""
    root = tmp_path / "project"
    shutil.copytree(baseline, root, copy_function=_link)
    return Release(root / "data" / "phantom")


def _link(source: str, target: str) -> None:
    if "/data/phantom/" in source and not source.endswith(".xlsx"):
        os.link(source, target)
    else:
        shutil.copy2(source, target)
