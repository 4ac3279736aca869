"""The names of the 370 published features, in the order of the publisher's workbook."""

from __future__ import annotations

import re

_BINS = 128
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
    for index in sorted(range(_BINS), key="{}_".format)  # as text: 0, 100, 101, ..., 10, 110
    for what in ("Frequency", "Probability")
)
GRAMMAR = (
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


def name_feature(family: str, feature: str) -> str:
    """Return the published name of a feature of a family."""
    return f"{_PREFIX}_{family}_{feature}"


NAMES: tuple[str, ...] = tuple(
    name_feature(family, feature) for family, listed in GRAMMAR for feature in listed.split()
)


def _letters(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", " ", name)


_BY_LETTERS = {_letters(name): name for name in NAMES}


def correct_name(name: str) -> str:
    """Return the publisher's spelling of a name whose punctuation another program changed.

    R's make.names() makes dots of `-`, others underscores. Any other name is returned as it is.
    """
    return _BY_LETTERS.get(_letters(name), name)
