"""A hash or a path in a lock or a folder's list becomes a path: nothing leads out of its folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from etl import versions
from etl.errors import UserError
from etl.revisions import read_outs

OUT = "../" * 8 + "etc/passwd"


@pytest.mark.parametrize("md5", [OUT, "", "a" * 31, "A" * 32, "a" * 32 + "/..", "a" * 32 + "\n"])
def test_a_hash_is_32_hex_digits(tmp_path: Path, md5: str) -> None:
    with pytest.raises(UserError, match="32 hex digits"):
        versions.cache_path(tmp_path, md5)
    with pytest.raises(UserError, match="32 hex digits"):
        versions.in_cache(tmp_path, [md5])
    text = json.dumps({"outs": [{"path": "a", "md5": md5}]}).encode()
    with pytest.raises(UserError, match=r"old:dvc\.lock"):
        read_outs(text, "dvc.lock", "old:dvc.lock")


@pytest.mark.parametrize("entry", [{"relpath": "../x", "md5": "b" * 32},
                                   {"relpath": "/x", "md5": "b" * 32},
                                   {"relpath": "x", "md5": OUT}])  # fmt: skip
def test_a_list_stays_in_its_folder(tmp_path: Path, entry: dict[str, str]) -> None:
    folder = "a" * 32 + versions.FOLDER
    path = versions.cache_path(tmp_path, folder)
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps([entry]))
    with pytest.raises(UserError):
        versions.folder_files(tmp_path, folder)
