"""A project of two versions that questions are asked about, built once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from history import make_past


@pytest.fixture(scope="session")
def past(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For reading only."""
    return make_past(tmp_path_factory.mktemp("past") / "p")


@pytest.fixture
def copy(past: Path, tmp_path: Path) -> Path:
    """A copy of `past` that a test may change."""
    return Path(shutil.copytree(past, tmp_path / "p", symlinks=True))
