"""The phantom's own radiomics: by hand, and against the warehouse's, which share no code."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from etl.measure import captk_glcm, captk_histogram, captk_intensity, captk_shape
from etl.measure.mask import crop, find_components
from etl.phantom import radiomics

Region = tuple[NDArray[np.int16], NDArray[np.bool_]]
SPACING = (0.71875, 0.71875, 2.2)


@st.composite
def regions(draw: st.DrawFn) -> Region:
    """Stored voxels (z, y, x) and a region that is solid in every direction."""
    rng = np.random.default_rng(draw(st.integers(0, 2**20)))
    z, y, x = (draw(st.integers(4, 8)) for _ in range(3))
    region = rng.random((z, y, x)) < draw(st.floats(0.3, 0.95))
    region[1:3, 1:3, 1:3] = True
    image = rng.integers(0, draw(st.sampled_from([300, 32768])), (z, y, x)).astype(np.int16)
    return image, region


def generator() -> np.random.Generator:
    return np.random.default_rng(0)


def agree(one: dict[str, float], other: dict[str, float]) -> None:
    shared = set(one) & set(other)
    assert len(shared) == len(other)
    for name in shared:
        assert one[name] == pytest.approx(other[name], rel=1e-9, abs=1e-9), name


@given(regions())
def test_intensity_and_histogram_agree(drawn: Region) -> None:
    image, region = drawn
    voxels = image[region]
    one = radiomics.compute_statistics(voxels.astype(np.float64), generator())
    agree(one, captk_intensity.measure_intensities(voxels))
    agree(
        radiomics.compute_histogram(voxels, generator()), captk_histogram.measure_histogram(voxels)
    )


@settings(max_examples=15)
@given(regions())
def test_texture_agrees(drawn: Region) -> None:
    image, region = drawn
    agree(radiomics.compute_texture(image, region), captk_glcm.measure_glcm(image.T, region.T))


@given(regions())
def test_shape_agrees(drawn: Region) -> None:
    region = drawn[1]
    found = crop(region.T)
    assert found is not None
    parts = find_components(found)
    sizes = np.sort(np.bincount(ndimage.label(region)[0].ravel())[1:])
    if len(sizes) > 1 and sizes[-1] == sizes[-2]:
        return  # two largest components: either is right
    agree(
        radiomics.compute_morphology(region, SPACING),
        captk_shape.measure_morphologic(parts.largest, SPACING),
    )


def test_statistics_by_hand() -> None:
    numbers = np.array([1.0, 2.0, 2.0, 7.0])
    found = radiomics.compute_statistics(numbers, generator())
    assert found["Mean"] == 3
    assert found["Median"] == 2
    assert found["MedianAbsoluteDeviation"] == 1
    assert found["Variance"] == pytest.approx(22 / 3)
    assert found["Kurtosis"] == pytest.approx((16 + 1 + 1 + 256) / 4 / (22 / 3) ** 2)
    assert found["Mode"] == 2
    assert found["Energy"] == 58
    assert found["NinetiethPercentile"] == 7
    assert found["InterQuartileRange"] == 5


def test_texture_by_hand() -> None:
    """Two voxels beside each other at 0 and 127 along x: one pair, levels 0 and 127."""
    image = np.zeros((1, 1, 2), np.int16)
    image[0, 0, 1] = 127
    region = np.ones((1, 1, 2), bool)
    found = radiomics._compute_pairs(
        np.pad(image, 1).astype(np.int64), np.pad(region, 1), (0, 0, 1)
    )
    assert found["Contrast"] == 127**2
    assert found["Energy"] == 0.5
    assert found["Entropy"] == 1
