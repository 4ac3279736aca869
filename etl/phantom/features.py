"""The published features: 370 names by the real grammar, computed or drawn.

Computed from the stored voxels of N3 phase 1 inside the expert's solid on the native grid:
Intensity, Histogram, Volumetric, and of Morphologic the main body's size and what follows from
it. Definitions are CaPTk 1.8.1's. All others are drawn; `SYNTHETIC` names them.
"""

from __future__ import annotations

from math import pi

import numpy as np
from numpy.typing import NDArray

from etl.phantom.grids import Draw, Plan

BINS = 128

_PREFIX = "T1_E"
_INTENSITY = """CoefficientOfVariation Energy InterQuartileRange Kurtosis Maximum Mean
    MeanAbsoluteDeviation Median MedianAbsoluteDeviation Minimum Mode NinetiethPercentile
    QuartileCoefficientOfVariation Range RootMeanSquare Skewness StandardDeviation Sum
    TenthPercentile Variance"""
_HISTOGRAM = """CoefficientOfVariation Energy Entropy FifthPercentile FifthPercentileMean
    InterQuartileRange Kurtosis Maximum Mean MeanAbsoluteDeviation Median
    MedianAbsoluteDeviation Minimum Mode NinetiethPercentile NinetyFifthPercentile
    NinetyFifthPercentileMean QuartileCoefficientOfVariation Range
    RobustMeanAbsoluteDeviation1090 RootMeanSquare SeventyFifthPercentile Skewness
    StandardDeviation Sum TenthPercentile TwentyFifthPercentile Uniformity Variance"""
_MORPHOLOGIC = """Eccentricity EllipseDiameter_Axis-0 EllipseDiameter_Axis-1
    EllipseDiameter_Axis-2 Elongation EquivalentSphericalPerimeter EquivalentSphericalRadius
    Flatness LargestComponentSize NumberOfPixels OrientedBoundingBoxSize_Axis-0
    OrientedBoundingBoxSize_Axis-1 OrientedBoundingBoxSize_Axis-2 Perimeter PerimeterOnBorder
    PerimeterOnBorderRatio PhysicalSize PixelsOnBorder Roundness"""
_GLCM = """AutoCorrelation ClusterProminence ClusterShade Contrast Correlation Energy Entropy
    Homogeneity"""
_GLRLM = """GreyLevelNonuniformity HighGreyLevelRunEmphasis LongRunEmphasis
    LongRunHighGreyLevelEmphasis LongRunLowGreyLevelEmphasis LowGreyLevelRunEmphasis
    RunLengthNonuniformity RunPercentage ShortRunEmphasis ShortRunHighGreyLevelEmphasis
    ShortRunLowGreyLevelEmphasis TotalRuns"""
_GLSZM = """GreyLevelMean GreyLevelNonUniformity GreyLevelNonUniformityNormalized
    GreyLevelVariance HighGreyLevelEmphasis LargeZoneEmphasis LargeZoneHighGreyLevelEmphasis
    LargeZoneLowGreyLevelEmphasis LowGreyLevelEmphasis SmallZoneEmphasis
    SmallZoneHighGreyLevelEmphasis SmallZoneLowGreyLevelEmphasis ZonePercentage
    ZoneSizeEntropy ZoneSizeMean ZoneSizeNonUniformity ZoneSizeNoneUniformityNormalized
    ZoneSizeVariance"""
_NGTDM = "Busyness Coarsness Complexity Contrast Strength"

_BIN_NAMES = " ".join(
    f"Bin-{index}_{what}"
    for index in sorted(range(BINS), key="{}_".format)  # as text: 0, 100, 101, ..., 10, 110
    for what in ("Frequency", "Probability")
)
_GRAMMAR = (
    ("Intensity", _INTENSITY),
    ("Histogram_Bins-128_Bins-128", f"{_BIN_NAMES} {_HISTOGRAM}"),
    ("Volumetric", "Pixels Volume"),
    ("Morphologic", _MORPHOLOGIC),
    ("GLCM_Bins-128_Radius-1", _GLCM),
    ("GLRLM_Bins-128_Radius-3", _GLRLM),
    ("GLSZM_Bins-128_Radius-3", _GLSZM),
    ("NGTDM", _NGTDM),
    ("LBP_Radius-3_Bins-128", "LBP"),
)
# Rounding noise in CaPTk (it sums signed deviations), so it cannot be computed again.
_NOISE = ("MeanAbsoluteDeviation",)
_BY_CONSTRUCTION = (
    "EquivalentSphericalPerimeter",
    "EquivalentSphericalRadius",
    "LargestComponentSize",
    "NumberOfPixels",
    "PhysicalSize",
)
_CONSTANT = (
    "OrientedBoundingBoxSize_Axis-0",
    "OrientedBoundingBoxSize_Axis-1",
    "OrientedBoundingBoxSize_Axis-2",
    "PerimeterOnBorder",
    "PerimeterOnBorderRatio",
    "PixelsOnBorder",
)
# Shares and probabilities are drawn below 1, everything else over two decades.
_SHARES = ("Correlation", "Energy", "Homogeneity", "Emphasis", "Percentage", "Normalized",
           "Coarsness")  # fmt: skip


def _name(family: str, feature: str) -> str:
    return f"{_PREFIX}_{family}_{feature}"


NAMES: tuple[str, ...] = tuple(
    _name(family, feature) for family, listed in _GRAMMAR for feature in listed.split()
)
_INTENSITY_FAMILY, _HISTOGRAM_FAMILY, _VOLUMETRIC_FAMILY, _MORPHOLOGIC_FAMILY = (
    family for family, _ in _GRAMMAR[:4]
)


def is_synthetic(name: str) -> bool:
    """Whether a feature's values are drawn rather than computed from the voxels."""
    if name.startswith(_name(_MORPHOLOGIC_FAMILY, "")):
        return name.removeprefix(_name(_MORPHOLOGIC_FAMILY, "")) not in _BY_CONSTRUCTION
    computed = (_INTENSITY_FAMILY, _HISTOGRAM_FAMILY, _VOLUMETRIC_FAMILY)
    if not name.startswith(tuple(_name(family, "") for family in computed)):
        return True
    return name.endswith(tuple(f"_{noise}" for noise in _NOISE))


def values(plan: Plan, voxels: NDArray[np.int16], main_count: int) -> list[float]:
    """The 370 values of a case, in the order of `NAMES`.

    Args:
        plan: the case; its native grid gives the voxel volume.
        voxels: stored N3 phase 1 voxels inside the expert's solid.
        main_count: how many of them belong to the main body.
    """
    rng = plan.random(Draw.FEATURES)
    volume = plan.native.voxel_volume
    known = {
        **_family(_INTENSITY_FAMILY, statistics(voxels.astype(np.float64), rng)),
        **_family(_HISTOGRAM_FAMILY, histogram(voxels, rng)),
        **_family(_VOLUMETRIC_FAMILY, {"Pixels": voxels.size, "Volume": voxels.size * volume}),
        **_family(_MORPHOLOGIC_FAMILY, _morphology(main_count, volume, rng)),
    }
    return [known[name] if name in known else _drawn(name, rng) for name in NAMES]


def statistics(numbers: NDArray[np.float64], rng: np.random.Generator) -> dict[str, float]:
    """First-order statistics as CaPTk defines them.

    Variance over n - 1; kurtosis not excess; the p-th percentile is the sorted value at index
    floor(p n / 100); "MedianAbsoluteDeviation" is the mean minus the median; the mode is the
    smallest of the most frequent values.
    """
    ordered = np.sort(numbers)
    n = len(ordered)
    mean, median = float(ordered.mean()), float(np.median(ordered))
    variance = float(ordered.var(ddof=1))
    sd = variance**0.5
    score = (ordered - mean) / sd
    low, high = percentile(ordered, 25), percentile(ordered, 75)
    levels, times = np.unique(ordered, return_counts=True)
    squares = float(np.sum(ordered * ordered))
    return {
        "CoefficientOfVariation": sd / mean,
        "Energy": squares,
        "InterQuartileRange": high - low,
        "Kurtosis": float(np.mean(score**4)),
        "Maximum": float(ordered[-1]),
        "Mean": mean,
        "MeanAbsoluteDeviation": float(rng.uniform(-1, 1)) * 1e-12,
        "Median": median,
        "MedianAbsoluteDeviation": mean - median,
        "Minimum": float(ordered[0]),
        "Mode": float(levels[np.argmax(times)]),
        "NinetiethPercentile": percentile(ordered, 90),
        "QuartileCoefficientOfVariation": (high - low) / (high + low),
        "Range": float(ordered[-1] - ordered[0]),
        "RootMeanSquare": (squares / n) ** 0.5,
        "Skewness": float(np.mean(score**3)),
        "StandardDeviation": sd,
        "Sum": float(ordered.sum()),
        "TenthPercentile": percentile(ordered, 10),
        "Variance": variance,
    }


def percentile(ordered: NDArray[np.float64], p: int) -> float:
    """Sorted value at index floor(p n / 100)."""
    return float(ordered[p * len(ordered) // 100])


def histogram(voxels: NDArray[np.int16], rng: np.random.Generator) -> dict[str, float]:
    """128 equal bins from the region's minimum to its maximum, and statistics of bin numbers.

    The lowest and the highest bin are never empty, which is why Minimum, Maximum and Range are
    the same in every case.
    """
    lowest, span = int(voxels.min()), int(voxels.max()) - int(voxels.min())
    index = np.minimum((voxels.astype(np.int64) - lowest) * BINS // span, BINS - 1)
    times = np.bincount(index, minlength=BINS)
    share = times / voxels.size
    found = share[share > 0]
    ordered = np.sort(index).astype(np.float64)
    low, high = percentile(ordered, 5), percentile(ordered, 95)
    tenth, ninetieth = percentile(ordered, 10), percentile(ordered, 90)
    robust = ordered[(ordered >= tenth) & (ordered <= ninetieth)]
    result = statistics(ordered, rng)
    result.update(
        Entropy=float(-np.sum(found * np.log2(found))),
        Uniformity=float(np.sum(share * share)),
        FifthPercentile=low,
        FifthPercentileMean=float(ordered[ordered <= low].mean()),
        NinetyFifthPercentile=high,
        NinetyFifthPercentileMean=float(ordered[ordered >= high].mean()),
        TwentyFifthPercentile=percentile(ordered, 25),
        SeventyFifthPercentile=percentile(ordered, 75),
        RobustMeanAbsoluteDeviation1090=float(np.mean(np.abs(robust - robust.mean()))),
    )
    for number in range(BINS):
        result[f"Bin-{number}_Frequency"] = float(times[number])
        result[f"Bin-{number}_Probability"] = float(share[number])
    return result


def _morphology(count: int, voxel_volume: float, rng: np.random.Generator) -> dict[str, float]:
    """Size of the main body; the shape measures are drawn, and agree with one another."""
    size = count * voxel_volume
    radius = float((3 * size / (4 * pi)) ** (1 / 3))
    surface = 4 * pi * radius**2
    elongation, flatness = (float(v) for v in rng.uniform(1.02, 1.9, 2))
    roundness = float(rng.uniform(0.45, 0.95))
    shortest = 2 * radius / (elongation * flatness**2) ** (1 / 3)
    return {
        "LargestComponentSize": count,
        "NumberOfPixels": count,
        "PhysicalSize": size,
        "EquivalentSphericalRadius": radius,
        "EquivalentSphericalPerimeter": surface,
        "Perimeter": surface / roundness,
        "Roundness": roundness,
        "Elongation": elongation,
        "Flatness": flatness,
        "Eccentricity": float((1 - 1 / (elongation * flatness) ** 2) ** 0.5),
        "EllipseDiameter_Axis-0": shortest,
        "EllipseDiameter_Axis-1": shortest * flatness,
        "EllipseDiameter_Axis-2": shortest * flatness * elongation,
        **dict.fromkeys(_CONSTANT, 0.0),
    }


def _family(family: str, found: dict[str, float]) -> dict[str, float]:
    return {_name(family, feature): float(value) for feature, value in found.items()}


def _drawn(name: str, rng: np.random.Generator) -> float:
    if name.endswith(_SHARES):
        return float(rng.uniform(0.01, 0.99))
    return float(np.exp(rng.uniform(np.log(10.0), np.log(1000.0))))
