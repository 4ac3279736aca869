"""A project with two tagged versions, built once."""

from __future__ import annotations

from pathlib import Path

import pytest

from ask.diff.story import make_story
from etl.ask.diff import Difference, compare


@pytest.fixture(scope="session")
def story(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For reading only."""
    return make_story(tmp_path_factory.mktemp("story") / "project")


@pytest.fixture(scope="session")
def found(story: Path) -> Difference:
    return compare(story, "v1", "v2")
