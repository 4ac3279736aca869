"""Masks whose header scales them (nibabel 1001, 1344; pyradiomics 510, 809)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from etl.measure.mask import crop, digest_voxels, find_foreground, list_stored_values, scale_values
from etl.read.nifti import read_volume

Array = np.ndarray[Any, np.dtype[Any]]
SIZE = (9, 8, 7)


def a_mask() -> Array:
    bits = np.zeros(SIZE, bool)
    bits[2:5, 3:6, 1:4] = True
    return bits


@pytest.mark.parametrize("dtype", ["i2", "u2", "u1", "i4", "u4"])
@pytest.mark.parametrize("label", [1.0, -1.0, 3.0])
def test_float_mask_under_an_integer_header(tmp_path: Path, dtype: str, label: float) -> None:
    header = nib.Nifti1Header()
    header.set_data_dtype(np.dtype(dtype))
    image = nib.Nifti1Image(a_mask() * label, np.eye(4), header)
    nib.save(image, tmp_path / "mask.nii.gz")
    volume = read_volume(tmp_path / "mask.nii.gz")
    bits, n_nonfinite = find_foreground(volume.voxels, *volume.header.scaling)
    assert np.array_equal(bits, a_mask())
    assert n_nonfinite == 0
    assert digest_voxels(bits) == digest_voxels(a_mask())
    slope, inter = volume.header.scaling
    stored = list_stored_values(volume.voxels, crop(bits), inter)
    scaled = scale_values(stored, volume.voxels.dtype, slope, inter)
    assert scaled == pytest.approx(sorted((0.0, label)), rel=1e-6)
    assert 0.0 in (scaled or [])


def test_a_negative_slope_and_a_float_mask_with_intercept() -> None:
    stored = np.where(a_mask(), 0, 1).astype("u1")
    assert np.array_equal(find_foreground(stored, -1.0, 1.0)[0], a_mask())
    stored = np.where(a_mask(), 0.5, -0.5).astype("f4")
    assert np.array_equal(find_foreground(stored, 1.0, 0.5)[0], a_mask())


def test_what_is_not_finite_once_scaled_is_no_foreground() -> None:
    stored = np.where(a_mask(), 1e300, 0.0)
    stored[0, 0, 0] = np.nan
    bits, n_nonfinite = find_foreground(stored, 1e30, 0.0)
    assert not bits.any()
    assert n_nonfinite == a_mask().sum() + 1
    assert scale_values(list_stored_values(stored, crop(bits)), stored.dtype, 1e30, 0.0) == [0.0]


def test_without_intercept_the_stored_value_decides() -> None:
    """As the public FTV masks are: 0 and 255, slope 1/255."""
    stored = a_mask().astype("u1") * 255
    bits, _ = find_foreground(stored, 1 / 255, 0.0)
    assert np.array_equal(bits, a_mask())
    found = list_stored_values(stored, crop(bits))
    assert found == [0.0, 255.0]
    assert scale_values(found, stored.dtype, 1 / 255, 0.0) == [0.0, 1.0]
