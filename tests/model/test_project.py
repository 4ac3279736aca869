"""Where the project is, and what its params.yaml says."""

from __future__ import annotations

from pathlib import Path

import pytest

from etl.model.errors import UserError
from etl.model.project import find_root, param, params, read_yaml, release_path


def test_root_is_found_upward(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    below = project / "data" / "release"
    assert find_root(project) == find_root(below) == project
    monkeypatch.chdir(below)
    assert find_root() == project


def test_outside_of_a_project(tmp_path: Path) -> None:
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")  # some other DVC project
    with pytest.raises(UserError, match="no ispy1 project here") as caught:
        find_root(tmp_path)
    assert str(tmp_path) in str(caught.value)


def test_params(project: Path) -> None:
    assert param(project, "phantom.cases") == 2
    assert release_path(project) == project / "data/release"
    for missing in ("phantom.colour", "nothing", "release.folder"):
        with pytest.raises(UserError, match=f"{missing} is missing"):
            param(project, missing)


@pytest.mark.parametrize(
    "text", ["a: [", "- 1\n- 2\n", "", "just text", "a: !!python/object:os.system {}"]
)
def test_files_that_are_no_mapping(tmp_path: Path, text: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=r"params\.yaml"):
        read_yaml(path)


def test_missing_and_binary_files(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="git checkout"):
        params(tmp_path)
    (tmp_path / "params.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="git checkout"):
        params(tmp_path)
