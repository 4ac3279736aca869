"""CaPTk's definitions: by hand on 3 x 3 x 3 voxels, against ITK, and by what must hold."""

from __future__ import annotations

import math

import numpy as np
import pytest
import SimpleITK
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from support import Array, ball

from etl.measure.captk_glcm import count_pairs, discretize, measure_glcm, measure_texture
from etl.measure.captk_histogram import bin_index, bin_starts, measure_histogram
from etl.measure.captk_intensity import find_mode, find_percentile, measure_intensities
from etl.measure.captk_shape import measure_morphologic, measure_volumetric
from etl.measure.mask import DIRECTIONS, crop, find_components
from measure.itk_answers import RECORDED, ask, picture
from measure.shapes import masks

CUBE = np.ones((3, 3, 3), bool)
# 27 voxels: 20 ones, six threes, one ten.
VALUES = np.array([1] * 20 + [3] * 6 + [10], np.int16)
regions = hnp.arrays(np.int16, st.integers(2, 60), elements=st.integers(0, 32767)).filter(
    lambda values: len(set(values.tolist())) > 1
)


def largest(bits: Array) -> Array:
    found = crop(bits)
    assert found is not None
    return find_components(found).largest.inside


# --- Intensity ------------------------------------------------------------------------------


def test_intensity_by_hand() -> None:
    found = measure_intensities(np.random.default_rng(1).permutation(VALUES))
    mean, n = 48 / 27, 27
    squares = 20 * (1 - mean) ** 2 + 6 * (3 - mean) ** 2 + (10 - mean) ** 2
    sd = math.sqrt(squares / 26)
    assert found["Mean"] == pytest.approx(mean)
    assert found["Sum"] == 48
    assert found["Variance"] == pytest.approx(squares / 26)  # n - 1
    assert found["StandardDeviation"] == pytest.approx(sd)
    assert found["CoefficientOfVariation"] == pytest.approx(sd / mean)
    fourth = 20 * (1 - mean) ** 4 + 6 * (3 - mean) ** 4 + (10 - mean) ** 4
    third = 20 * (1 - mean) ** 3 + 6 * (3 - mean) ** 3 + (10 - mean) ** 3
    assert found["Kurtosis"] == pytest.approx(fourth / n / sd**4)  # not excess
    assert found["Skewness"] == pytest.approx(third / n / sd**3)
    assert found["Median"] == 1
    assert found["MedianAbsoluteDeviation"] == pytest.approx(mean - 1)  # signed, not absolute
    assert found["Energy"] == 20 + 54 + 100
    assert found["RootMeanSquare"] == pytest.approx(math.sqrt(174 / 27))
    assert (found["Minimum"], found["Maximum"], found["Range"]) == (1, 10, 9)
    assert found["TenthPercentile"] == 1  # index floor(2.7) = 2
    assert found["NinetiethPercentile"] == 3  # index floor(24.3) = 24
    assert found["InterQuartileRange"] == 2  # indices 20 and 6: 3 - 1
    assert found["QuartileCoefficientOfVariation"] == 2 / 4
    assert found["Mode"] == 1
    assert "MeanAbsoluteDeviation" not in found


def test_median_absolute_deviation_may_be_negative() -> None:
    assert measure_intensities(np.array([0, 9, 10]))["MedianAbsoluteDeviation"] == pytest.approx(
        19 / 3 - 9
    )


def test_percentile_takes_the_index_rounded_down() -> None:
    ordered = np.arange(10.0)
    assert [find_percentile(ordered, p) for p in (5, 10, 25, 75, 90, 95)] == [0, 1, 2, 7, 9, 9]


@pytest.mark.parametrize(
    ("values", "wanted"), [([1, 2, 2, 3], 2), ([1, 1, 2, 2, 3], 1), ([1, 2, 3, 3, 3], 1), ([4], 4)]
)
def test_the_greatest_value_is_never_the_mode(values: list[float], wanted: float) -> None:
    assert find_mode(np.array(values, float)) == wanted


def test_what_captk_divides_by_zero_is_nan() -> None:
    one, same = measure_intensities(np.array([5])), measure_intensities(np.array([5, 5, 5]))
    assert {name for name, value in one.items() if math.isnan(value)} == {
        "Variance", "StandardDeviation", "Skewness", "Kurtosis", "CoefficientOfVariation"
    }  # fmt: skip
    assert {name for name, value in same.items() if math.isnan(value)} == {"Skewness", "Kurtosis"}
    assert math.isnan(measure_intensities(np.array([-1, 1]))["CoefficientOfVariation"])


def test_intensity_against_itk() -> None:
    """SimpleITK's statistics of a label: the same mean, variance, skewness and kurtosis."""
    for kind in RECORDED:
        values, inside = picture(kind)
        itk = SimpleITK.LabelStatisticsImageFilter()
        labels = SimpleITK.GetImageFromArray(np.ascontiguousarray(inside.T, np.uint8))
        itk.Execute(SimpleITK.GetImageFromArray(np.ascontiguousarray(values.T)), labels)
        found = measure_intensities(values[inside])
        assert found["Mean"] == pytest.approx(itk.GetMean(1), rel=1e-12)
        assert found["Variance"] == pytest.approx(itk.GetVariance(1), rel=1e-12)
        assert found["StandardDeviation"] == pytest.approx(itk.GetSigma(1), rel=1e-12)
        assert found["Sum"] == pytest.approx(itk.GetSum(1), rel=1e-12)
        assert (found["Minimum"], found["Maximum"]) == (itk.GetMinimum(1), itk.GetMaximum(1))


@given(regions, st.integers(1, 9), st.integers(-5000, 5000))
def test_intensity_follows_a_change_of_scale(values: Array, factor: int, shift: int) -> None:
    one, other = (
        measure_intensities(values),
        measure_intensities(values.astype(np.float64) * factor + shift),
    )
    assert other["Mean"] == pytest.approx(one["Mean"] * factor + shift, abs=1e-6)
    assert other["StandardDeviation"] == pytest.approx(one["StandardDeviation"] * factor)
    for name in ("Skewness", "Kurtosis"):
        assert other[name] == pytest.approx(one[name], abs=1e-6)
    for name in ("Range", "InterQuartileRange", "MedianAbsoluteDeviation"):
        assert other[name] == pytest.approx(one[name] * factor, abs=1e-6)


# --- Histogram ------------------------------------------------------------------------------


def test_histogram_by_hand() -> None:
    """Width 9 (1 + 1/12800) / 128: threes lie 2 / 0.0703180 = 28.4 bins above the minimum."""
    found = measure_histogram(VALUES)
    filled = {n: found[f"Bin-{n}_Frequency"] for n in range(128) if found[f"Bin-{n}_Frequency"]}
    assert filled == {0: 20, 28: 6, 127: 1}
    assert found["Bin-28_Probability"] == 6 / 27
    assert found["Mean"] == pytest.approx((6 * 28 + 127) / 27)
    assert found["Uniformity"] == pytest.approx((400 + 36 + 1) / 27**2)
    shares = (20 / 27, 6 / 27, 1 / 27)
    assert found["Entropy"] == pytest.approx(-sum(p * math.log2(p) for p in shares))
    assert (found["TwentyFifthPercentile"], found["SeventyFifthPercentile"]) == (0, 28)
    # Between the 10 % and 90 % bins (0 and 28): 26 voxels with mean 168 / 26.
    kept = 168 / 26
    assert found["RobustMeanAbsoluteDeviation1090"] == pytest.approx(
        (20 * kept + 6 * (28 - kept)) / 26
    )
    width = 9 * (1 + 1 / 12800) / 128
    assert found["FifthPercentile"] == pytest.approx(1 + 0.05 / (20 / 27) * width, rel=1e-6)
    assert found["FifthPercentileMean"] == 1
    # 26 of 27 lie below the last bin: 96.3 % is beyond 95 %, so the quantile lies in bin 28.
    start = 1 + 28 * width
    share_of_bin = (0.95 - 20 / 27) / (6 / 27)
    assert found["NinetyFifthPercentile"] == pytest.approx(start + share_of_bin * width, rel=1e-6)
    assert found["NinetyFifthPercentileMean"] == 10
    assert not {"Minimum", "Maximum", "Range", "MeanAbsoluteDeviation"} & set(found)
    assert len(found) == 256 + 25


def test_the_bins_are_stretched_by_a_hundredth() -> None:
    """1 + 12799 is the top of the ROI: without the stretch it would open a bin of its own."""
    values = np.array([0, 100, 12800])
    assert bin_index(values, 0.0, 12801.0).tolist() == [0, 0, 127]
    assert bin_starts(0.0, 12801.0)[1] == pytest.approx(12801 / 128)
    assert measure_histogram(values)["Bin-127_Frequency"] == 1


@given(regions)
def test_a_histogram_holds_every_voxel(values: Array) -> None:
    found = measure_histogram(values)
    times = [found[f"Bin-{n}_Frequency"] for n in range(128)]
    assert sum(times) == values.size
    assert times[0] > 0
    assert times[127] > 0
    assert sum(found[f"Bin-{n}_Probability"] for n in range(128)) == pytest.approx(1)
    assert values.min() <= found["FifthPercentile"] <= found["NinetyFifthPercentile"]
    assert found["Sum"] == sum(n * count for n, count in enumerate(times))


def test_one_value_is_one_bin() -> None:
    found = measure_histogram(np.array([7, 7, 7]))
    assert found["Bin-127_Frequency"] == 3
    assert found["Entropy"] == 0
    assert math.isnan(found["Skewness"])


# --- GLCM -----------------------------------------------------------------------------------


def test_offsets_are_one_of_each_opposite_pair() -> None:
    assert len(DIRECTIONS) == 13
    assert not {(-x, -y, -z) for x, y, z in DIRECTIONS} & set(DIRECTIONS)


def test_cooccurrence_by_hand() -> None:
    """Planes of levels 0, 1 and 2 along x: 9 pairs each way a step, 9 + 9 of equal levels none."""
    levels = np.indices((3, 3, 3))[0]
    along = count_pairs(levels, CUBE, (1, 0, 0))
    assert along[:3, :3].tolist() == [[0, 9, 0], [9, 0, 9], [0, 9, 0]]
    across = count_pairs(levels, CUBE, (0, 0, 1))  # 6 pairs a plane, counted both ways
    assert across[:3, :3].tolist() == [[12, 0, 0], [0, 12, 0], [0, 0, 12]]
    diagonal = count_pairs(levels, CUBE, (1, -1, 0))
    assert diagonal[:3, :3].tolist() == [[0, 6, 0], [6, 0, 6], [0, 6, 0]]
    corner = count_pairs(levels, CUBE, (1, 1, 1))
    assert corner[:3, :3].tolist() == [[0, 4, 0], [4, 0, 4], [0, 4, 0]]
    holed = CUBE.copy()
    holed[0, 0, 0] = False
    assert count_pairs(levels, holed, (1, 0, 0))[:3, :3].tolist() == [
        [0, 8, 0], [8, 0, 9], [0, 9, 0]
    ]  # fmt: skip


def test_texture_by_hand() -> None:
    """Two levels, 0 and 2, in shares 1/2 (0,0), 1/4 (0,2) and (2,0)."""
    counts = np.zeros((128, 128), int)
    counts[0, 0], counts[0, 2], counts[2, 0] = 2, 1, 1
    found = measure_texture(counts)
    mean, variance = 0.5, 0.75 * 0.25 + 0.25 * 2.25
    assert found["Energy"] == 1 / 4 + 2 / 16
    assert found["Entropy"] == pytest.approx(1.5)
    assert found["Contrast"] == 2
    assert found["Homogeneity"] == pytest.approx(0.5 + 0.5 / 5)
    covariance = 0.5 * mean * mean + 0.5 * (-mean) * (2 - mean)
    assert found["Correlation"] == pytest.approx(covariance / variance**2)  # squared: ITK's fault
    assert found["ClusterShade"] == pytest.approx(0.5 * (-1) ** 3 + 0.5 * 1**3)
    assert found["ClusterProminence"] == pytest.approx(0.5 + 0.5)
    marginal = np.array([0.75, 0, 0.25, *[0] * 125])
    assert found["AutoCorrelation"] == pytest.approx((0 - (1 / 128) ** 2) / marginal.var())


def test_rare_pairs_are_left_out_of_the_entropy() -> None:
    counts = np.zeros((128, 128), int)
    counts[0, 0], counts[5, 6], counts[6, 5] = 20_000, 1, 1
    share = 20_000 / 20_002
    assert measure_texture(counts)["Entropy"] == pytest.approx(-share * math.log2(share))


def test_levels_reach_to_one_beyond_the_maximum() -> None:
    """Two values 0 and 127 are levels 0 and 127 over [0, 128]; 0 and 1 are 0 and 64 over [0, 2]."""
    assert discretize(np.array([[[0, 127]]]), np.ones((1, 1, 2), bool)).tolist() == [[[0, 127]]]
    assert discretize(np.array([[[0, 1]]]), np.ones((1, 1, 2), bool)).tolist() == [[[0, 64]]]


def test_a_flat_region_has_no_texture() -> None:
    found = measure_glcm(np.zeros((3, 3, 1)), np.ones((3, 3, 1), bool))
    assert all(map(math.isnan, found.values()))
    alone = measure_glcm(np.full((3, 3, 3), 7.0), CUBE)
    assert (alone["Contrast"], alone["Energy"]) == (0, 1)
    assert math.isnan(alone["Correlation"])


@given(masks, st.integers(0, 5))
def test_texture_ignores_what_is_outside_and_where_the_box_ends(bits: Array, seed: int) -> None:
    values = np.random.default_rng(seed).integers(0, 900, bits.shape)
    padded = np.pad(bits, 1), np.pad(values, 1, constant_values=30000)
    one, other = measure_glcm(np.where(bits, values, -9), bits), measure_glcm(padded[1], padded[0])
    assert list(one.values()) == pytest.approx(list(other.values()), nan_ok=True)


# --- against ITK ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", RECORDED)
def test_histogram_and_texture_are_itks(kind: str) -> None:
    values, inside = picture(kind)
    wanted = RECORDED[kind]
    bins = measure_histogram(values[inside])
    times = {n: int(bins[f"Bin-{n}_Frequency"]) for n in range(128)}
    assert {n: count for n, count in times.items() if count} == wanted.filled
    found = bins["FifthPercentile"], bins["NinetyFifthPercentile"]
    assert found == pytest.approx(wanted.quantiles, rel=1e-12)
    assert measure_glcm(values, inside) == pytest.approx(wanted.texture, rel=1e-11)


def test_itk_still_answers_as_recorded() -> None:
    itk = pytest.importorskip("itk", reason="ITK with its texture filters is not installed")
    for kind, wanted in RECORDED.items():
        found = ask(itk, *picture(kind))
        assert found.filled == wanted.filled
        assert found.quantiles == pytest.approx(wanted.quantiles, rel=1e-12)
        assert found.texture == pytest.approx(wanted.texture, rel=1e-11)
    rng = np.random.default_rng(5)
    for values in (rng.integers(0, 32768, (9, 8, 7)), rng.normal(2, 3, (9, 8, 7))):
        inside = rng.random(values.shape) < 0.6
        single = values.astype(np.float32)
        found, bins = ask(itk, single, inside), measure_histogram(single[inside])
        times = {n: int(bins[f"Bin-{n}_Frequency"]) for n in range(128)}
        assert {n: count for n, count in times.items() if count} == found.filled
        assert measure_glcm(single, inside) == pytest.approx(found.texture, rel=1e-9)


# --- Volumetric and Morphologic -------------------------------------------------------------


def test_volume_by_hand() -> None:
    assert measure_volumetric(27, 0.5) == {"Pixels": 27, "Volume": 13.5}


def test_a_cube_by_hand() -> None:
    """Crofton's formula with ITK's 13 directions; moments of voxel centres."""
    found = crop(CUBE)
    assert found is not None
    shape = measure_morphologic(found, (1.0, 1.0, 1.0))
    axis, edge, corner = (2 * c for c in (0.04577789120476, 0.03698062787608, 0.03519563978232))
    # Lines through the cube: 9 along an axis, 5 x 3 along a diagonal of a face, 19 along a corner.
    wanted = 4 * (3 * 9 * axis + 6 * 15 / math.sqrt(2) * edge + 4 * 19 / math.sqrt(3) * corner)
    assert shape["Perimeter"] == pytest.approx(wanted)
    radius = (3 * 27 / 4 / math.pi) ** (1 / 3)
    assert shape["EquivalentSphericalRadius"] == pytest.approx(radius)
    assert shape["EquivalentSphericalPerimeter"] == pytest.approx(4 * math.pi * radius**2)
    assert shape["Roundness"] == pytest.approx(4 * math.pi * radius**2 / wanted)
    assert shape["EllipseDiameter_Axis-0"] == pytest.approx(2 * radius)
    assert (shape["Elongation"], shape["Flatness"]) == pytest.approx((1, 1))
    assert shape["Eccentricity"] == pytest.approx(0, abs=1e-6)
    assert (shape["PhysicalSize"], shape["NumberOfPixels"], shape["LargestComponentSize"]) == (
        27, 27, 27
    )  # fmt: skip
    assert len(shape) == 13


def test_a_box_by_hand() -> None:
    """A box of 3 x 3 x 3 voxels at 1 x 2 x 4 mm: variances (n^2 - 1) s^2 / 12 of each axis."""
    found = crop(CUBE)
    assert found is not None
    shape = measure_morphologic(found, (1.0, 2.0, 4.0))
    radius = (3 * 27 * 8 / 4 / math.pi) ** (1 / 3)
    mean = (1 * 4 * 16) ** (1 / 3)
    axes = [2 * radius * s / math.sqrt(mean) for s in (1, 2, 4)]
    assert [shape[f"EllipseDiameter_Axis-{n}"] for n in range(3)] == pytest.approx(axes)
    assert (shape["Flatness"], shape["Elongation"]) == pytest.approx((2, 2))
    assert shape["Eccentricity"] == pytest.approx(math.sqrt(1 - axes[0] * axes[1] / axes[2] ** 2))
    assert shape["PhysicalSize"] == 216


@given(masks, st.permutations([0, 1, 2]))
def test_shape_does_not_depend_on_the_order_of_axes(bits: Array, order: list[int]) -> None:
    spacing = (0.7, 1.0, 2.2)
    one, other = crop(bits), crop(bits.transpose(order))
    assert one is not None
    assert other is not None
    first = measure_morphologic(find_components(one).largest, spacing)
    second = measure_morphologic(
        find_components(other).largest, tuple(spacing[axis] for axis in order)
    )
    if np.count_nonzero(largest(bits)) == np.count_nonzero(bits):  # no tie between components
        for name in ("Perimeter", "PhysicalSize", "Roundness"):
            assert second[name] == pytest.approx(first[name], rel=1e-9)


def test_a_ball_is_round() -> None:
    found = crop(ball((25, 25, 25), (12.0, 12.0, 12.0), 9.3))
    assert found is not None
    shape = measure_morphologic(found, (1.0, 1.0, 1.0))
    assert shape["Roundness"] == pytest.approx(1, abs=0.02)
    assert shape["EllipseDiameter_Axis-1"] == pytest.approx(18.6, rel=0.01)


def test_a_line_is_no_solid() -> None:
    found = crop(np.ones((5, 1, 1), bool))
    assert found is not None
    shape = measure_morphologic(found, (1.0, 1.0, 1.0))
    assert math.isnan(shape["Eccentricity"]) or shape["Eccentricity"] >= 0
    assert shape["NumberOfPixels"] == 5
