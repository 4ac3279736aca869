"""The table `images`."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest
from rebuild import rebuild
from support import (
    CASES,
    FINE,
    NATIVE,
    ZERO_LEVEL,
    Row,
    by_nibabel,
    n3_image,
    rows,
    write_nifti,
    zscored_image,
)


def image(root: Path, case: str, image_set: str, phase: int) -> Row:
    (row,) = [
        r for r in rows(root, "images")
        if (r["case_id"], r["image_set"], r["phase"]) == (case, image_set, phase)
    ]  # fmt: skip
    return row


def test_one_row_an_image(built: Path) -> None:
    keys = [(r["case_id"], r["image_set"], r["phase"]) for r in rows(built, "images")]
    assert keys == [(c, s, p) for c in CASES for s in ("n3", "zscored") for p in (0, 1, 2)]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("image_set", ["n3", "zscored"])
@pytest.mark.parametrize("phase", [0, 1, 2])
def test_statistics_are_those_of_the_script_people_write(
    built: Path, case: str, image_set: str, phase: int
) -> None:
    row = image(built, case, image_set, phase)
    data = by_nibabel(built / "data/release" / row["path"]).get_fdata()
    assert row["intensity_min"] == data.min()
    assert row["intensity_max"] == data.max()
    assert row["intensity_mean"] == pytest.approx(data.mean(), rel=1e-12)
    assert row["intensity_std"] == pytest.approx(data.std(), rel=1e-12)
    percentiles = [row["intensity_p01"], row["intensity_p50"], row["intensity_p99"]]
    assert percentiles == pytest.approx(np.percentile(data, [1, 50, 99]).tolist(), rel=1e-12)
    assert row["n_nonfinite"] == 0
    make = n3_image if image_set == "n3" else zscored_image
    np.testing.assert_array_equal(data, make(int(case[-4:]), phase))


def test_header_columns(built: Path) -> None:
    n3, zscored = (image(built, "ISPY1_9001", s, 1) for s in ("n3", "zscored"))
    assert [n3[f"size_{a}"] for a in "xyz"] == list(NATIVE)
    assert [n3[f"spacing_{a}_mm"] for a in "xyz"] == [1.5, 1.5, 2.0]
    assert n3["voxel_volume_mm3"] == 4.5
    assert (n3["stored_dtype"], n3["orientation"], n3["xyzt_units"]) == ("int16", "PSR", 2)
    assert (n3["qform_code"], n3["sform_code"], n3["scl_slope"]) == (1, 1, 0.0)
    assert n3["extension_bytes"] == 32
    assert n3["n_at_dtype_max"] == 1
    assert [zscored[f"size_{a}"] for a in "xyz"] == list(FINE)
    assert (zscored["stored_dtype"], zscored["sform_code"]) == ("float32", 0)
    assert zscored["extension_bytes"] == 0
    assert zscored["intensity_min"] == float(ZERO_LEVEL)


def test_lineage(built: Path) -> None:
    """Every row names the bytes that it came from."""
    for row in rows(built, "images"):
        path = built / "data/release" / row["path"]
        img = by_nibabel(path)
        content = img.file_map["image"].get_prepare_fileobj("rb").read()
        assert row["content_crc32"] == zlib.crc32(content)
        assert row["content_bytes"] == len(content)
        assert row["size_bytes"] == path.stat().st_size
        assert row["affine"] == img.affine.ravel().tolist()
    by_path = {r["path"]: r["md5"] for r in rows(built, "blobs")}
    assert {r["path"]: r["blob_md5"] for r in rows(built, "images")}.items() <= by_path.items()


def test_repacking_keeps_the_content(project: Path, release: Path) -> None:
    path = "images_bias-corrected_nifti/ISPY1_9001/ISPY1_9001_DCE_0000_N3.nii"
    import gzip

    packed = release / f"{path}.gz"
    rebuild(project, "images")
    before = image(project, "ISPY1_9001", "n3", 0)
    (release / path).write_bytes(gzip.decompress(packed.read_bytes()))
    packed.unlink()
    rebuild(project, "images")
    after = image(project, "ISPY1_9001", "n3", 0)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"path", "blob_md5", "size_bytes"}


def test_nonfinite_voxels_are_counted_and_left_out(project: Path, release: Path) -> None:
    voxels = zscored_image(1, 0)
    voxels[3, 3, 3], voxels[4, 4, 4] = np.nan, np.inf
    folder = release / "images_bias-corrected_resampled_zscored_nifti/ISPY1_9001"
    write_nifti(folder / "ISPY1_9001_DCE_0000_N3_zscored.nii.gz", voxels, forms="q")
    rebuild(project, "images")
    row = image(project, "ISPY1_9001", "zscored", 0)
    assert row["n_nonfinite"] == 2
    assert row["intensity_max"] == float(voxels[np.isfinite(voxels)].max())
