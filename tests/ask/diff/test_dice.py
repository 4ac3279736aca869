"""Dice of two blobs, or the reason why there is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support import FINE_AFFINE, write_nifti

from etl.ask.diff.dice import Overlap, measure_overlap

SIZE = (6, 5, 4)


def mask(path: Path, count: int, size: tuple[int, ...] = SIZE, shift_mm: float = 0.0) -> Path:
    """The first `count` voxels are foreground."""
    voxels = np.zeros(size, np.uint8)
    voxels.flat[:count] = 255
    affine = FINE_AFFINE.copy()
    affine[0, 3] += shift_mm
    return write_nifti(path, voxels, affine)


@pytest.mark.parametrize(
    ("before", "after", "dice"), [(10, 10, 1.0), (10, 20, 20 / 30), (10, 0, 0.0), (0, 3, 0.0)]
)
def test_dice(tmp_path: Path, before: int, after: int, dice: float) -> None:
    old, new = mask(tmp_path / "a.nii.gz", before), mask(tmp_path / "b.nii", after)
    assert measure_overlap(old, new) == measure_overlap(new, old) == Overlap(dice)


def test_why_there_is_no_dice(tmp_path: Path) -> None:
    here, empty = mask(tmp_path / "a.nii", 5), mask(tmp_path / "e.nii", 0)
    grid = "the masks lie on different grids"
    assert measure_overlap(here, mask(tmp_path / "b.nii", 5, (6, 5, 5))) == Overlap(None, grid)
    assert measure_overlap(here, mask(tmp_path / "c.nii", 5, shift_mm=0.02)) == Overlap(None, grid)
    assert measure_overlap(here, mask(tmp_path / "d.nii", 5, shift_mm=0.009)).dice == 1.0
    assert measure_overlap(empty, empty).reason == "both masks are empty"
    assert measure_overlap(None, here).reason == "the old blob is not at hand"
    assert measure_overlap(None, None).reason == "the old and the new blob is not at hand"
    (tmp_path / "bad.nii").write_bytes(b"no image")
    assert (measure_overlap(here, tmp_path / "bad.nii").reason or "").startswith(
        "a blob cannot be read"
    )
    soft = np.linspace(0, 1, 120, dtype="f4").reshape(SIZE)
    soft_path = write_nifti(tmp_path / "soft.nii", soft, FINE_AFFINE)
    assert measure_overlap(here, soft_path) == Overlap(None, "a mask holds more than 16 values")
