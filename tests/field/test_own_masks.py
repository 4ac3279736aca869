"""A user's own masks: no contract judges them, so none of them makes a build red."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from support import Row, mask_voxels, write_nifti

from etl.build import build_table
from etl.index import write_indexes
from etl.project import FINDINGS
from etl.store import read_table, table_path

OWN = "masks_net/ISPY1_9001.nii.gz"


def build_masks(root: Path) -> None:
    write_indexes(root)
    for name in ("images", "masks"):
        build_table(root, name, workers=1)


def masks_findings(root: Path) -> list[Row]:
    """The findings of the table."""
    found: list[Row] = read_table(table_path(root / FINDINGS, "masks")).to_pylist()
    return found


@pytest.mark.parametrize("fault", ["4-D", "truncated", "link", "empty file"])
def test_a_mask_that_cannot_be_read_is_a_warning(
    project: Path, release: Path, tmp_path: Path, fault: str
) -> None:
    path = write_nifti(release / OWN, mask_voxels(1, "stv_manual"))
    if fault == "4-D":
        nib.Nifti1Image(np.ones((4, 4, 4, 2), np.uint8), np.eye(4)).to_filename(path)
    elif fault == "truncated":
        path.write_bytes(path.read_bytes()[:-200])
    elif fault == "link":
        path.rename(tmp_path / "away.nii.gz")
        path.symlink_to(tmp_path / "away.nii.gz")
    else:
        path.write_bytes(b"")
    build_masks(project)
    found = [row for row in masks_findings(project) if row["path"] == OWN]
    assert [row["severity"] for row in found] == ["warning"]
