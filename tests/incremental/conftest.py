"""The small project under git and DVC with a second version; each test changes a copy."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import build
from tracked import STAGES, Tracked


@pytest.fixture(scope="session")
def second(original: Tracked, tmp_path_factory: pytest.TempPathFactory) -> Tracked:
    here = original.copy(tmp_path_factory.mktemp("second") / "project")
    here.edit(2)
    build(here.root)
    here.run(f"dvc commit -q -f data/release.dvc {STAGES} && git commit -qam v2 && git tag v2")
    return here


@pytest.fixture
def two_versions(second: Tracked, tmp_path: Path) -> Tracked:
    return second.copy(tmp_path / "project")
