"""A hash or a path in a lock or a folder's list becomes a path: nothing leads out of its folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support import ROOT

from etl.build.index import index_path, read_index
from etl.model.errors import UserError
from etl.model.profile import load_profile
from etl.versions import dvc
from etl.versions.git import read_outs

OUT = "../" * 8 + "etc/passwd"


@pytest.mark.parametrize("md5", [OUT, "", "a" * 31, "A" * 32, "a" * 32 + "/..", "a" * 32 + "\n"])
def test_a_hash_is_32_hex_digits(tmp_path: Path, md5: str) -> None:
    with pytest.raises(UserError, match="32 hex digits"):
        dvc.name_cache_path(tmp_path, md5)
    with pytest.raises(UserError, match="32 hex digits"):
        dvc.list_cached(tmp_path, [md5])
    text = json.dumps({"outs": [{"path": "a", "md5": md5}]}).encode()
    with pytest.raises(UserError, match=r"old:dvc\.lock"):
        read_outs(text, "dvc.lock", "old:dvc.lock")


@pytest.mark.parametrize("entry", [{"relpath": "../x", "md5": "b" * 32},
                                   {"relpath": "/x", "md5": "b" * 32},
                                   {"relpath": "x", "md5": OUT}])  # fmt: skip
def test_a_list_stays_in_its_folder(tmp_path: Path, entry: dict[str, str]) -> None:
    folder = "a" * 32 + dvc.FOLDER
    path = dvc.name_cache_path(tmp_path, folder)
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps([entry]))
    with pytest.raises(UserError):
        dvc.list_folder_files(tmp_path, folder)


@pytest.mark.parametrize(
    ("path", "md5"),
    [
        ("masks_ftv/x.nii", OUT), ("masks_ftv/x.nii", "A" * 32), ("masks_ftv/x.nii", ""),
        (OUT, "a" * 32), ("/etc/passwd", "a" * 32),
    ],
)  # fmt: skip
def test_an_index_leads_out_of_neither_cache_nor_release(
    tmp_path: Path, path: str, md5: str
) -> None:
    file = index_path(tmp_path, "masks")
    file.parent.mkdir(parents=True)
    recipe = f"# recipe={'0' * 32} values={'1' * 32}"
    profile = load_profile(ROOT, "phantom")
    for line in (f"masks_ftv/x.nii,{'a' * 32},1,", "masks_ftv/x.nii,link-outside,0,"):
        file.write_text(f"{recipe}\npath,md5,size_bytes,rule\n{line}\n")
        assert len(read_index(tmp_path, "masks", profile).blobs) == 1
    file.write_text(f"{recipe}\npath,md5,size_bytes,rule\n{path},{md5},1,\n")
    with pytest.raises(UserError, match=r"no usable index.*Run `ispy1 repro`"):
        read_index(tmp_path, "masks", profile)
