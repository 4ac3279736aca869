from __future__ import annotations

import gzip
import math
import struct
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage
from support import by_nibabel

from .conftest import MASKS, Phantom


def paths(phantom: Phantom, kind: str) -> list[Path]:
    if kind in MASKS:
        return [phantom.mask(case_id, kind) for case_id in phantom.case_ids]
    path = phantom.n3 if kind == "n3" else phantom.zscored
    return [path(case_id, phase) for case_id in phantom.case_ids for phase in range(3)]


def stored(path: Path) -> NDArray[np.float64]:
    return np.asarray(by_nibabel(path).dataobj.get_unscaled(), np.float64)


def affine(path: Path) -> NDArray[np.float64]:
    return np.asarray(by_nibabel(path).affine, np.float64)


@pytest.mark.parametrize(
    ("kind", "datatype", "offset", "slope", "codes", "units"),
    [
        ("n3", 4, 2672, 0.0, (1, 1), 2),
        ("zscored", 16, 352, 1.0, (1, 0), 2),
        ("stv_manual", 16, 352, 1.0, (1, 0), 2),
        ("stv_resunet", 16, 352, 1.0, (1, 1), 2),
        ("ftv", 2, 352, 0.003921568859368563, (1, 1), 10),
    ],
)
def test_headers_hold_the_real_traps(  # noqa: PLR0913, PLR0917  a table of facts
    phantom: Phantom,
    kind: str,
    datatype: int,
    offset: int,
    slope: float,
    codes: tuple[int, int],
    units: int,
) -> None:
    for path in paths(phantom, kind):
        raw = gzip.decompress(path.read_bytes())
        assert struct.unpack_from("<h", raw, 70)[0] == datatype
        assert struct.unpack_from("<3f", raw, 108) == (offset, slope, 0.0)
        assert raw[123] == units
        assert struct.unpack_from("<2h", raw, 252) == codes
        shape = struct.unpack_from("<3h", raw, 42)
        assert len(raw) == offset + math.prod(shape) * struct.unpack_from("<h", raw, 72)[0] // 8
        pixdim = struct.unpack_from("<8f", raw, 76)
        assert (pixdim[4:] == (1, 1, 1, 1)) == (kind != "ftv")
        if kind == "n3":
            assert raw[348] == 1
            assert struct.unpack_from("<i", raw, 352)[0] == 2672 - 352


@pytest.mark.parametrize("kind", ["n3", "zscored", *MASKS])
def test_axes_are_posterior_superior_right(phantom: Phantom, kind: str) -> None:
    for path in paths(phantom, kind):
        image = by_nibabel(path)
        assert nib.aff2axcodes(image.affine) == ("P", "S", "R")
        zooms = image.header.get_zooms()
        assert np.allclose(np.abs(image.affine[:3, :3]).max(axis=0), zooms, atol=1e-6)


def test_two_grids_share_the_first_voxel_and_round_half_up(phantom: Phantom) -> None:
    for case_id in phantom.case_ids:
        native, fine = by_nibabel(phantom.n3(case_id, 0)), by_nibabel(phantom.zscored(case_id, 0))
        assert np.array_equal(native.affine[:, 3], fine.affine[:, 3])
        extent = np.array(native.shape) * np.array(native.header.get_zooms(), float)
        assert fine.shape == tuple(int(v) for v in np.floor(extent + 0.5))
        assert np.all(np.array(fine.shape) >= (180, 180, 83))
        assert np.all(np.array(fine.shape) <= (300, 300, 384))
        assert np.array_equal(native.affine, affine(phantom.mask(case_id, "ftv")))
        for name in ("stv_manual", "stv_resunet"):
            other = affine(phantom.mask(case_id, name))
            assert np.allclose(fine.affine, other, atol=1e-6)


@pytest.mark.parametrize("name", MASKS)
def test_masks_agree_with_the_truth(phantom: Phantom, name: str) -> None:
    for case_id in phantom.case_ids:
        path = phantom.mask(case_id, name)
        values = stored(path)
        assert set(np.unique(values)) == {0, 255 if name == "ftv" else 1}
        inside = values != 0
        truth = phantom.facts(case_id, name)
        labels, n = ndimage.label(inside)
        assert inside.sum() == truth["voxel_count"]
        assert n == truth["n_components"]
        assert np.bincount(labels.ravel())[1:].max() == truth["largest_component_voxel_count"]
        edges = (inside[[0, -1]], inside[:, [0, -1]], inside[:, :, [0, -1]])
        assert not any(edge.any() for edge in edges)
        volume = inside.sum() * abs(np.linalg.det(affine(path)[:3, :3]))
        limit = 0.02 if volume > 1000 else 0.06
        assert volume == pytest.approx(truth["analytic_volume_mm3"], rel=limit)
        centre = affine(path) @ [*np.argwhere(inside).mean(axis=0), 1]
        expected = [truth[f"centroid_{axis}_mm"] for axis in "ras"]
        assert np.allclose(centre[:3], expected, atol=0.3)


def test_ftv_reads_back_as_a_little_more_than_one(phantom: Phantom) -> None:
    assert not (by_nibabel(phantom.mask("ISPY1_9001", "ftv")).get_fdata() == 1).any()


def test_network_differs_from_the_expert(phantom: Phantom) -> None:
    for case_id in phantom.case_ids:
        one, other = (
            stored(phantom.mask(case_id, name)) != 0 for name in ("stv_manual", "stv_resunet")
        )
        dice = 2 * (one & other).sum() / (one.sum() + other.sum())
        assert 0.5 < dice < 0.98


def test_stretched_phases_fill_the_range(phantom: Phantom) -> None:
    stretched = {case: phantom.truth[case, "n3_0", "is_stretched"] for case in phantom.case_ids}
    assert {*stretched.values()} == {True, False}
    for case_id, is_stretched in stretched.items():
        for phase in range(3):
            values = stored(phantom.n3(case_id, phase))
            assert values.min() >= 0
            assert values.max() == phantom.truth[case_id, f"n3_{phase}", "stored_max"]
            full = (int(values.min()), int(values.max())) == (0, 32767)
            assert full == is_stretched


def test_zscore_is_one_for_three_phases(phantom: Phantom) -> None:
    for case_id in phantom.case_ids:
        volumes = [stored(phantom.zscored(case_id, phase)) for phase in range(3)]
        together = np.concatenate([v.ravel() for v in volumes]).astype(float)
        assert np.isfinite(together).all()
        assert together.mean() == pytest.approx(0, abs=1e-5)
        assert together.std() == pytest.approx(1, abs=1e-5)
        lowest = phantom.truth[case_id, "zscored", "zero_level"]
        assert {float(v.min()) for v in volumes} == {lowest}


def test_enhancement_comes_back_from_the_zscored_images(phantom: Phantom) -> None:
    for case_id in phantom.case_ids:
        lowest = phantom.truth[case_id, "zscored", "zero_level"]
        s0, s1, s2 = (stored(phantom.zscored(case_id, p)).astype(float) - lowest for p in range(3))
        inside = stored(phantom.mask(case_id, "stv_manual")) != 0
        s0, s1, s2 = s0[inside], s1[inside], s2[inside]
        pe = 100 * (s1 - s0) / s0
        counted = (pe >= 70) & (s2 > s0)
        ser = ((s1 - s0)[counted]) / ((s2 - s0)[counted])
        truth = phantom.facts(case_id, "stv_manual")
        assert np.median(pe) == pytest.approx(truth["pe_median_percent"], abs=2)
        assert np.median(ser) == pytest.approx(truth["ser_median"], abs=0.02)


def test_stretching_shows_against_the_zscored_images(phantom: Phantom) -> None:
    for case_id in phantom.case_ids:
        fine = [np.arange(0, n, 4) for n in stored(phantom.zscored(case_id, 0)).shape]
        spacing = [phantom.truth[case_id, "n3_0", f"spacing_{axis}_mm"] for axis in "xyz"]
        at = np.meshgrid(*(f / s for f, s in zip(fine, spacing, strict=True)), indexing="ij")
        slopes = []
        for phase in range(3):
            n3 = stored(phantom.n3(case_id, phase)).astype(np.float32)
            there = ndimage.map_coordinates(n3, at, order=1, mode="nearest")
            z = stored(phantom.zscored(case_id, phase))[np.ix_(*fine)]
            slopes.append(float(np.polyfit(there.ravel(), z.ravel(), 1)[0]))
        spread = max(slopes) / min(slopes)
        assert (spread > 1.05) == bool(phantom.truth[case_id, "n3_0", "is_stretched"])


def test_side_of_the_tumour_agrees_with_laterality(phantom: Phantom) -> None:
    sides = set()
    for case_id in phantom.case_ids:
        side = phantom.truth[case_id, "case", "laterality"]
        sides.add(side)
        r = phantom.truth[case_id, "stv_manual", "centroid_r_mm"]
        assert (r > 0) == (side == 2)
    assert sides == {1, 2}
