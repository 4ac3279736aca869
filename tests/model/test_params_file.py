"""params.yaml is edited as a person would: comments, order and quotes stay."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from etl.model.errors import UserError
from etl.model.params_file import set_params

TEXT = """\
# The release that the pipeline reads.
release: data/phantom

profile: 'phantom'   # see expectations/profiles

phantom:
  cases: 12     # subjects
  scale: demo   # a long comment that must not be folded, whatever it says about the widths of lines
"""

# Names of folders and profiles. YAML folds control characters such as U+0085.
PRINTABLE = st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "params.yaml"
    path.write_text(TEXT, encoding="utf-8")
    return path


def test_only_the_values_change(path: Path) -> None:
    assert set_params(path, {"release": "data/release", "phantom.cases": 3})
    wanted = TEXT.replace("data/phantom", "data/release").replace("cases: 12 ", "cases: 3 ")
    got = path.read_text(encoding="utf-8")
    assert [line.split() for line in got.splitlines()] == [
        line.split() for line in wanted.splitlines()
    ]


def test_a_switch_of_the_release_changes_two_lines(path: Path) -> None:
    set_params(path, {"release": "data/release", "profile": "ispy1_tcia"})
    before, after = TEXT.splitlines(), path.read_text(encoding="utf-8").splitlines()
    assert len(before) == len(after)
    assert [i for i, line in enumerate(before) if after[i] != line] == [1, 3]
    assert after[3].endswith("# see expectations/profiles")


def test_equal_values_leave_the_file_alone(path: Path) -> None:
    before = path.stat()
    assert not set_params(path, {"release": "data/phantom"})
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert path.stat().st_ino == before.st_ino


def test_mode_and_line_ends_stay(path: Path) -> None:
    path.write_bytes(TEXT.replace("\n", "\r\n").encode())
    path.chmod(0o640)
    set_params(path, {"release": "data/release"})
    assert path.read_bytes() == (
        TEXT.replace("data/phantom", "data/release").replace("\n", "\r\n").encode()
    )
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.parametrize("text", ["a: [", "- 1\n", "", "a: \xff"])
def test_no_mapping_is_one_sentence(path: Path, text: str) -> None:
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError, match=r"params\.yaml"):
        set_params(path, {"release": "x"})


def test_a_value_below_a_scalar_is_refused(path: Path) -> None:
    with pytest.raises(UserError, match="release holds no mapping"):
        set_params(path, {"release.name": "x"})


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        set_params(tmp_path / "params.yaml", {"release": "x"})


@given(value=st.one_of(st.text(PRINTABLE, max_size=20), st.integers(), st.booleans()))
def test_any_value_reads_back(tmp_path_factory: pytest.TempPathFactory, value: str | int) -> None:
    path = tmp_path_factory.mktemp("p") / "params.yaml"
    path.write_text(TEXT, encoding="utf-8")
    set_params(path, {"profile": value})
    loaded = YAML(typ="safe").load(path)
    assert loaded["profile"] == value
    assert loaded["phantom"] == {"cases": 12, "scale": "demo"}
