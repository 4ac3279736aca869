"""The publisher's checksum manifest."""

from __future__ import annotations

from pathlib import Path

import pytest

from etl.model.errors import BadInputError
from etl.read import manifest
from etl.read.manifest import read_manifest

MD5 = "0123456789abcdef0123456789abcdef"


def read(folder: Path, content: bytes) -> dict[str, str]:
    path = folder / "x.sums"
    path.write_bytes(content)
    return read_manifest(path)


@pytest.mark.parametrize(
    "line", [f"{MD5} a/b c.nii.gz", f"{MD5}  a/b c.nii.gz", f"{MD5.upper()} *a/b c.nii.gz"]
)
@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n\n"])
def test_lines(tmp_path: Path, line: str, end: str) -> None:
    assert read(tmp_path, f"{line}{end}".encode()) == {"a/b c.nii.gz": MD5}


def test_unordered_and_empty(tmp_path: Path) -> None:
    assert list(read(tmp_path, f"{MD5} z\n{MD5} a\n".encode())) == ["z", "a"]
    assert read(tmp_path, b"") == {}


@pytest.mark.parametrize(
    "content",
    [
        b"<html>",
        f"{MD5[:-1]} a".encode(),
        f"{MD5}\n".encode(),
        f"{MD5} a\nx\n".encode(),
        b"\xff\xfe",
    ],
)
def test_anything_else_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(BadInputError) as caught:
        read(tmp_path, content)
    assert caught.value.check == "manifest_unreadable"


def test_missing_and_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInputError):
        read_manifest(tmp_path / "missing.sums")
    monkeypatch.setattr(manifest, "MAX_BYTES", 10)
    with pytest.raises(BadInputError):
        read(tmp_path, f"{MD5} a\n".encode())


def test_real_sample(real: Path) -> None:
    listed = read_manifest(real / "publisher_sample.sums")
    assert len(listed) == 11
    path = "ISPY1-Tumor-SEG-Radiomics/NIfTI-Files/masks_stv_manual/ISPY1_1002.nii.gz"
    assert listed[path] == "e9c641e7395f94e393b9a46178cd205c"
