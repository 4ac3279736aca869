"""Headers in other units, without orientation, with spare axes, and what is no image at all."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from isal import isal_zlib
from support import FINE_AFFINE, nifti_bytes, write_nifti

from etl.measure.grids import is_same_grid
from etl.measure.intensity import measure_intensity
from etl.model.errors import BadInputError
from etl.read import nifti
from etl.read.nifti import read_volume
from etl.tables.header import check_header

VOXELS = np.arange(60, dtype=np.int16).reshape((3, 4, 5), order="F")


def told(path: Path) -> list[tuple[str, str]]:
    return [(f.check, f.severity) for f in check_header("masks", read_volume(path))]


# ITK 4595, ANTs 1114
@pytest.mark.parametrize(("code", "factor"), [(1, 0.001), (3, 1000.0), (9, 0.001), (11, 1000.0)])
@pytest.mark.parametrize("forms", ["q", "s", "qs", ""])
def test_other_units_are_read_as_mm(tmp_path: Path, code: int, factor: float, forms: str) -> None:
    affine = FINE_AFFINE.copy()
    affine[:3] *= factor
    one = read_volume(write_nifti(tmp_path / "mm.nii.gz", VOXELS, forms=forms)).header
    path = write_nifti(tmp_path / "x.nii.gz", VOXELS, affine, forms=forms, xyzt_units=code)
    other = read_volume(path).header
    assert is_same_grid(one.grid, other.grid)
    assert other.voxel_volume_mm3 == pytest.approx(1.0, rel=1e-5)
    assert other.xyzt_units == code
    assert other.form_conflict is None
    assert ("units_converted", "info") in told(path)


@pytest.mark.parametrize(
    ("code", "finding"), [(0, []), (2, []), (5, [("units_unknown", "warning")])]
)
def test_unknown_units_are_mm(tmp_path: Path, code: int, finding: list[tuple[str, str]]) -> None:
    path = write_nifti(tmp_path / "x.nii.gz", VOXELS, xyzt_units=code)
    np.testing.assert_array_equal(read_volume(path).header.affine, FINE_AFFINE)
    assert told(path) == finding


def test_no_orientation_is_told(tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "x.nii.gz", VOXELS, forms="")
    assert told(path) == [("no_orientation", "warning")]


# pyradiomics 697, ITK 3456
@pytest.mark.parametrize(
    "dim",
    [(1, 3, 4, 5), (3, 1, 4, 5), (3, 4, 1, 5), (3, 4, 5, 1), (1, 3, 4, 5, 1), (1, 3, 1, 4, 5)],
)
def test_axes_of_one_are_dropped(tmp_path: Path, dim: tuple[int, ...]) -> None:
    path = write_nifti(tmp_path / "x.nii.gz", VOXELS.reshape(dim, order="F"))
    volume = read_volume(path)
    np.testing.assert_array_equal(volume.voxels, VOXELS)
    np.testing.assert_array_equal(volume.header.affine, FINE_AFFINE)
    assert volume.header.form_conflict is None
    assert told(path) == [("axes_dropped", "info")]


@pytest.mark.parametrize("dim", [[2, 3, 20], [1, 60]])
def test_an_axis_that_is_not_stated_is_none_that_was_dropped(
    tmp_path: Path, dim: list[int]
) -> None:
    path = write_nifti(tmp_path / "x.nii.gz", VOXELS, dim=[*dim, *[1] * (8 - len(dim))])
    assert told(path) == []


@pytest.mark.parametrize(
    ("content", "observed"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 5\n", "Git LFS pointer"),
        (b"\n<!DOCTYPE html><html>", "web page"),
        (gzip.compress(b"<html>403 Forbidden</html>", mtime=0), "web page"),
        (b"\0" * 5000, "zeros from the first byte"),
    ],
)
def test_what_is_no_image_is_named(tmp_path: Path, content: bytes, observed: str) -> None:
    path = tmp_path / "x.nii.gz"
    path.write_bytes(content)
    with pytest.raises(BadInputError) as caught:
        read_volume(path)
    assert caught.value.check == "not_nifti"
    assert observed in caught.value.observed


def test_half_a_preallocated_download_is_named(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 9999, (30, 30, 30)).astype("i2")
    data = gzip.compress(nifti_bytes(noise))
    path = tmp_path / "x.nii.gz"
    path.write_bytes(data[: len(data) // 2] + bytes(len(data) - len(data) // 2))
    with pytest.raises(BadInputError) as caught:
        read_volume(path)
    assert "bytes are zeros" in caught.value.observed


class _Counted:
    """A decompressor that counts the bytes that it is given."""

    given = 0

    def __init__(self, real: Any) -> None:  # noqa: ANN401
        self.real = real

    def decompress(self, data: bytes, limit: int) -> bytes:
        _Counted.given += len(data)
        found: bytes = self.real.decompress(data, limit)
        return found

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self.real, name)


@pytest.mark.parametrize("body", [b"", b"\1\2"])
def test_many_members_are_read_in_linear_time(
    tmp_path: Path, body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 20_000
    array = np.zeros((100, 100, 4), np.uint8)
    plain = nifti_bytes(array)
    n = count * len(body)
    rest = plain[: len(plain) - n]
    data = gzip.compress(rest) + gzip.compress(body) * count
    (tmp_path / "x.nii.gz").write_bytes(data)
    new = isal_zlib.decompressobj
    monkeypatch.setattr(_Counted, "given", 0)
    monkeypatch.setattr(isal_zlib, "decompressobj", lambda **k: _Counted(new(**k)))
    volume = read_volume(tmp_path / "x.nii.gz")
    assert volume.content_crc32 == zlib.crc32(rest + body * count)
    assert _Counted.given <= 3 * len(data) + 2 * count * nifti.FIRST_PIECE_BYTES


@pytest.mark.parametrize("slope", [1.0, 1e300, -1e300])
@pytest.mark.parametrize("voxels", [[0.0, 1e308, -1e308], [1e308] * 3, [0.0, 1e200, 1e10]])
def test_values_beyond_arithmetic_are_null(slope: float, voxels: list[float]) -> None:
    found = measure_intensity(np.array(voxels), slope, 0.0)
    for name in ("minimum", "maximum", "mean", "std", "p01", "p50", "p99"):
        value = getattr(found, name)
        assert value is None or np.isfinite(value), name
    assert found.std is None or set(voxels) == {1e308}


@pytest.mark.parametrize("size", [1e150, 1e300])
def test_an_affine_beyond_arithmetic_is_refused(tmp_path: Path, size: float) -> None:
    path = write_nifti(tmp_path / "x.nii.gz", VOXELS, version=2, srow_x=[size, 0, 0, 0])
    with pytest.raises(BadInputError) as caught:
        read_volume(path)
    assert caught.value.check == "affine_invalid"
