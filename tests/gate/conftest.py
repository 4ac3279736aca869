"""The green project, judged once, and a copy of it that a test may change."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from etl.gate import engine
from gate.bench import Bench


@pytest.fixture(scope="session")
def bench(green: Path) -> Bench:
    return Bench(green)


@pytest.fixture
def project(green: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project of one's own, which is also the current folder."""
    root = Path(shutil.copytree(green, tmp_path / "project"))
    monkeypatch.chdir(root)
    yield root
    engine.context.cache_clear()
