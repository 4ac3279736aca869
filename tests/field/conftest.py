"""What tests of field inputs share."""

import shutil
from pathlib import Path

import pytest
from support import ROOT

import etl.adopt.execute
import etl.adopt.foresee


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project where DVC is taken for granted."""
    shutil.copytree(ROOT / "expectations/profiles", tmp_path / "p/expectations/profiles")
    text = "release: data/phantom\nprofile: phantom\nphantom: {cases: 12}\n"
    (tmp_path / "p/params.yaml").write_text(text)
    (tmp_path / "p/dvc.yaml").write_text("stages: {}\n")
    monkeypatch.setattr(etl.adopt.execute, "add_release", lambda _root: None)
    monkeypatch.setattr(etl.adopt.foresee, "find_cache", lambda root: root)
    return tmp_path / "p"
