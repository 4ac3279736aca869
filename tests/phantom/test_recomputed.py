"""Recomputed features of the phantom against what its generator knows."""

from __future__ import annotations

import math

import numpy as np
import pytest

from etl.measure.ibsi import Region, make_region, measure_family
from etl.measure.ibsi_names import FAMILIES, list_names
from etl.measure.mask import find_foreground
from etl.read.nifti import read_volume
from phantom.conftest import MASKS, Phantom


def measured(phantom: Phantom, case_id: str, mask: str) -> Region:
    volume = read_volume(phantom.mask(case_id, mask))
    path = phantom.n3(case_id, 1) if mask == "ftv" else phantom.zscored(case_id, 1)
    image = read_volume(path)
    bits, _ = find_foreground(volume.voxels)
    found = make_region(bits, volume.header.spacing, 128, (image.voxels, *image.header.scaling))
    assert found is not None
    return found


@pytest.mark.parametrize("mask", MASKS)
def test_volumes_are_those_of_the_model(phantom: Phantom, mask: str) -> None:
    """By counting to the last voxel; by the mesh as near as voxels come to the analytic volume."""
    for case_id in phantom.case_ids:
        truth = phantom.facts(case_id, mask)
        shape = measure_family(measured(phantom, case_id, mask), "morphology")
        voxels = truth["voxel_count"] * truth["voxel_volume_mm3"]
        assert shape["morph_vol_approx"] == pytest.approx(voxels, rel=1e-6)
        assert shape["morph_volume"] == pytest.approx(truth["analytic_volume_mm3"], rel=0.06)
        assert shape["morph_volume"] is not None
        # A mesh at half height cuts corners: it holds a little less than the voxels.
        assert 0.94 * voxels < shape["morph_volume"] < voxels


def test_every_feature_of_a_tumour_has_a_value(phantom: Phantom) -> None:
    for case_id in phantom.case_ids:
        found = measured(phantom, case_id, "stv_manual")
        for family in FAMILIES:
            values = measure_family(found, family)
            assert tuple(values) == list_names(family)
            assert all(v is not None and math.isfinite(v) for v in values.values()), family


def test_intensities_are_those_of_the_tumours_tissues(phantom: Phantom) -> None:
    """The mean lies between the least and the greatest tissue, in units of the whole image."""
    for case_id in phantom.case_ids:
        values = measure_family(measured(phantom, case_id, "stv_manual"), "intensity_statistics")
        truth = phantom.facts(case_id, "zscored")
        tissues = [
            (value - truth["mean"]) / truth["sd"]
            for (case, subject, quantity), value in phantom.truth.items()
            if case == case_id and subject.startswith("tissue:") and quantity == "s1"
        ]
        assert values["stat_mean"] is not None
        assert min(tissues) < values["stat_mean"] < max(tissues)
        image = read_volume(phantom.zscored(case_id, 1)).voxels
        bits, _ = find_foreground(read_volume(phantom.mask(case_id, "stv_manual")).voxels)
        assert values["stat_median"] == pytest.approx(float(np.median(image[bits])), rel=1e-6)
