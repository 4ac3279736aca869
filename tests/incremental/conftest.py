"""One small project under git and DVC a session; each test changes a copy."""

from __future__ import annotations

from pathlib import Path

import pytest
from tracked import Tracked, make_tracked


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Tracked:
    return make_tracked(tmp_path_factory.mktemp("tracked") / "project")


@pytest.fixture
def tracked(original: Tracked, tmp_path: Path) -> Tracked:
    return original.copy(tmp_path / "project")


@pytest.fixture(scope="session")
def second(original: Tracked, tmp_path_factory: pytest.TempPathFactory) -> Tracked:
    here = original.copy(tmp_path_factory.mktemp("second") / "project")
    here.edit(2)
    here.run("dvc repro -q table@masks && git commit -qam v2 && git tag v2")
    return here


@pytest.fixture
def two_versions(second: Tracked, tmp_path: Path) -> Tracked:
    return second.copy(tmp_path / "project")
