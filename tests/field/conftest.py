"""What tests of field inputs share."""

from pathlib import Path

import pytest
from adopting import make_bare, skip_dvc


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project where DVC is taken for granted."""
    skip_dvc(monkeypatch)
    return make_bare(tmp_path / "p")
