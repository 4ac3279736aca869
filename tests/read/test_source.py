"""Every reader gives of an object in memory what it gives of the same file on a disk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support import CASES, FEATURES, MANIFEST, make_release, md5, series_row, write_slice

from etl.model.address import open_address
from etl.model.errors import BadInputError, UserError
from etl.read import source
from etl.read.features import read_features
from etl.read.idc import read_slice
from etl.read.manifest import read_manifest
from etl.read.nifti import read_volume
from etl.read.source import RemoteFile
from etl.read.workbook import read_sheets

MASK = f"masks_ftv/{CASES[0]}.nii.gz"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("upath", reason="universal-pathlib is not installed")
    release = make_release(tmp_path_factory.mktemp("source") / "release", CASES[:1])
    write_slice(release / "slice.parquet", [series_row("2.25.1"), series_row("2.25.2")])
    (release / "wide.csv").write_text("SubjectID;Mean\r\n9001;0,5\r\n")
    for name, content in (("empty.nii", b""), ("text.nii.gz", b"<html>")):
        (release / name).write_bytes(content)
    return release


def place_elsewhere(folder: Path, path: str) -> RemoteFile:
    release = open_address(f"memory://{folder.parent.name}")
    (release / path).parent.mkdir(parents=True, exist_ok=True)
    (release / path).write_bytes((folder / path).read_bytes())
    return RemoteFile(release, path, md5(folder / path), (folder / path).stat().st_size)


@pytest.mark.parametrize(
    ("read", "path"),
    [
        (read_features, FEATURES), (read_features, "wide.csv"), (read_sheets, FEATURES),
        (read_manifest, MANIFEST), (read_slice, "slice.parquet"),
    ],
)  # fmt: skip
def test_tables(folder: Path, read: Callable[[Any], object], path: str) -> None:
    assert read(place_elsewhere(folder, path)) == read(folder / path)


def test_volume(folder: Path) -> None:
    here, elsewhere = read_volume(folder / MASK), read_volume(place_elsewhere(folder, MASK))
    assert elsewhere.content_crc32 == here.content_crc32
    assert np.array_equal(elsewhere.voxels, here.voxels)


@pytest.mark.parametrize("path", ["empty.nii", "text.nii.gz"])
def test_damage_is_one_finding_wherever_it_lies(folder: Path, path: str) -> None:
    with pytest.raises(BadInputError) as here:
        read_volume(folder / path)
    with pytest.raises(BadInputError) as elsewhere:
        read_volume(place_elsewhere(folder, path))
    assert vars(elsewhere.value) == vars(here.value)


@pytest.mark.parametrize(
    "read", [read_volume, read_sheets, read_features, read_manifest, read_slice]
)
def test_other_bytes_are_never_a_finding(folder: Path, read: Callable[[Any], object]) -> None:
    """Readers take every error of a library for damage; this one is of the moment."""
    file = replace(place_elsewhere(folder, MASK), md5="0" * 32)
    with pytest.raises(UserError, match=r"masks_ftv/ISPY1_9001.nii.gz changed while it was read"):
        read(file)


def test_too_large_for_memory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "MAX_OBJECT_BYTES", 10)
    with pytest.raises(BadInputError, match="file_too_large"):
        read_volume(place_elsewhere(folder, MASK))
