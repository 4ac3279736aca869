"""One content in two places: a download or an export that took a file for another."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import polars as pl
import pytest
from rebuild import rebuild
from support import CASES, by_nibabel, findings, make_project, make_release

from etl.build.index import import_table
from etl.build.manifest import read_manifest
from etl.build.seed import seed_units
from etl.measure.intensity import digest_intensity
from etl.tables.copies import find_copies

A, B = CASES
N3, Z = "images_bias-corrected_nifti", "images_bias-corrected_resampled_zscored_nifti"
PHASES = [f"{N3}/{A}/{A}_DCE_000{phase}_N3.nii.gz" for phase in range(3)]
OWN = f"masks_network/{A}.nii.gz"
MANUAL = f"masks_stv_manual/{A}.nii.gz"


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose release holds a copy of each kind."""
    root = make_project(tmp_path_factory.mktemp("copies"))
    release = make_release(root / "data/release")
    # The second phase is the first, written by another tool: other type, header and packing.
    image = by_nibabel(release / PHASES[1])
    voxels = np.asanyarray(image.dataobj).astype(np.float32)
    nib.save(nib.Nifti1Image(voxels, image.affine), release / PHASES[2])
    # An image of one case is that of another, repacked.
    zscored = release / Z / A / f"{A}_DCE_0001_N3_zscored.nii.gz"
    other = release / Z / B / f"{B}_DCE_0001_N3_zscored.nii.gz"
    other.write_bytes(gzip.compress(gzip.decompress(zscored.read_bytes()), 1))
    (release / OWN).parent.mkdir()
    shutil.copy(release / MANUAL, release / OWN)
    shutil.copy(release / f"masks_ftv/{A}.nii.gz", release / f"masks_ftv/{B}.nii.gz")
    shutil.copy(release / f"masks_stv_manual/{B}.nii.gz", release / f"masks_stv_resunet/{B}.nii.gz")
    rebuild(root, "images", "masks")
    return root


def told(root: Path, table: str) -> dict[str, tuple[str, str]]:
    """Path -> severity and the other files of each finding."""
    found = findings(root, table=table)
    return {
        f["path"]: (f["severity"], f["observed"].removeprefix("the same voxels as "))
        for f in found
        if f["check"] == "same_voxels"
    }


def test_every_image_whose_voxels_another_holds_is_critical(copied: Path) -> None:
    one, other = (f"{Z}/{case}/{case}_DCE_0001_N3_zscored.nii.gz" for case in (A, B))
    assert told(copied, "images") == {
        PHASES[1]: ("critical", PHASES[2]),
        PHASES[2]: ("critical", PHASES[1]),
        one: ("critical", other),
        other: ("critical", one),
    }


def test_a_mask_that_is_a_copy_is_a_warning_and_an_own_one_blames_no_expert(copied: Path) -> None:
    ftv = [f"masks_ftv/{case}.nii.gz" for case in (A, B)]
    stv = [f"masks_stv_{name}/{B}.nii.gz" for name in ("manual", "resunet")]
    pairs = [(*ftv,), (*ftv[::-1],), (*stv,), (*stv[::-1],), (OWN, MANUAL)]
    assert told(copied, "masks") == {path: ("warning", other) for path, other in pairs}


def test_what_follows_from_another_file_is_not_kept_with_this_one(copied: Path) -> None:
    """A clone that takes its units from the tables, and mends the copy, has no finding left."""
    for name in ("images", "masks"):
        kept = seed_units(copied, import_table(name).TABLE, read_manifest(copied), ())
        assert kept
        assert not [f for unit in kept.values() for f in unit.findings if f.check == "same_voxels"]


def test_many_copies_are_counted() -> None:
    row = {"case_id": A, "mask": "ftv", "voxel_digest": "x"}
    many = [{**row, "path": f"p{number}"} for number in range(6)]
    found = find_copies("masks", "warning", pl.DataFrame(many))
    assert found[0].observed == "the same voxels as p1, p2, p3 and 2 more"


@pytest.mark.parametrize("slope", [1.0, 1 / 255, -2.0])
def test_the_digest_is_of_scaled_values_and_their_place(slope: float) -> None:
    stored = np.arange(-30, 30, dtype=np.int16).reshape(3, 4, 5)
    scaled = (stored * slope + 0.5).astype(np.float32)
    digest = digest_intensity(stored, slope, 0.5)
    assert digest_intensity(np.asfortranarray(scaled)) == digest
    assert digest_intensity(scaled[::-1]) != digest
    assert digest_intensity(scaled.reshape(4, 3, 5)) != digest
    assert digest_intensity(np.zeros((2, 2, 2))) == digest_intensity(np.full((2, 2, 2), -0.0))
