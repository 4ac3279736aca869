"""What the bench relies on: one voxel less is one voxel less, and a worker's peak is seen."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from support import by_nibabel, write_nifti

from bench.checkout import shrink_mask
from bench.memory import list_peaks_mib
from etl.model.pool import _start_executor

MIB = 2**20


def fill_memory(mib: int) -> int:
    return int(np.ones(mib * MIB, np.uint8)[-1])


def test_a_shrunk_mask_lacks_one_voxel_and_the_kept_release_none(tmp_path: Path) -> None:
    voxels = np.zeros((6, 5, 4), np.float32)
    voxels[2:4, 1:3, 1:3] = 1
    original = write_nifti(tmp_path / "kept.nii.gz", voxels)
    shared = tmp_path / "mask.nii.gz"
    shared.hardlink_to(original)
    shrink_mask(shared)
    assert by_nibabel(shared).get_fdata().sum() == voxels.sum() - 1
    assert by_nibabel(original).get_fdata().sum() == voxels.sum()


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_the_peak_of_a_worker_is_seen_after_it() -> None:
    with _start_executor(1) as pool:
        pool.submit(fill_memory, 400).result()
        assert max(list_peaks_mib(os.getpid())) > 400
