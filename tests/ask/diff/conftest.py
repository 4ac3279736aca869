"""The difference of two tagged versions, asked for once."""

from __future__ import annotations

from pathlib import Path

import pytest

from etl.ask.diff import Difference, compare


@pytest.fixture(scope="session")
def found(story: Path) -> Difference:
    return compare(story, "v1", "v2")
