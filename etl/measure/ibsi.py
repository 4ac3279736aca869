"""Features by the definitions of the image biomarker standardisation initiative (IBSI).

The engine is z-rad: only this module knows it, and `autocorrelation` and `texture`, which have
faster loops for it. Its calculators are called one by one, not through its extractor, which refuses
a mask below 27 voxels or 3 slices as a whole.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from zrad.exceptions import DataStructureError
from zrad.image import Image
from zrad.preprocessing.discretization import FixedBinNumberDiscretizer
from zrad.radiomics.intensity import (
    IntensityHistogramFeatures,
    IntensityStatisticsFeatures,
    IntensityVolumeHistogramFeatures,
    LocalIntensityFeatures,
)
from zrad.radiomics.morphology import MorphologicalFeatures
from zrad.radiomics.ngldm import NGLDM

from etl.measure.arrays import Array, keep_finite
from etl.measure.autocorrelation import Autocorrelation
from etl.measure.ibsi_names import NEEDS_IMAGE, Aggregation, list_names
from etl.measure.mask import crop
from etl.measure.texture import Cooccurrence, Differences, DistanceZones, Runs, SizeZones
from etl.measure.together import move_together

Values = Mapping[str, float]
Scaled = tuple[Array, float, float]  # stored voxels, slope, intercept

MARGIN = 7  # voxels kept around the box: the 6.2 mm of IBSI's local peak on a 1 mm grid
# Moran and Geary weigh all pairs of voxels: past this many pairs *and* this many cells of a Fourier
# transform over twice the box (about 1 GB), neither way of the engine is worth it.
MAX_PAIRS = 1 << 32
MAX_CELLS = 1 << 25
TERMS = 21  # of the series for an ellipsoid's area (IBSI, RDD2)
ROUNDING = 1e-12  # of the largest variance: below it there is none
_MERGED = {"avg": "AVER", "comb": "MERG"}  # in the engine's words
# What the engine raises where a feature is not defined: a division by zero, an empty selection,
# no neighbours, no hull.
_UNDEFINED = (DataStructureError, ValueError, ArithmeticError, IndexError, RuntimeError)


class UndefinedError(Exception):
    """A family of features that a region does not have; the message says why."""


@dataclass(frozen=True)
class Region:
    """A mask's foreground with the image around it.

    `inside`: bool, shape of the box and its margin; `box`: the box in it; `spacing`: mm along each
    array axis; `bins`: grey levels between the least and the greatest intensity, None where the
    intensities are grey levels; `voxels`: float64, shape of `inside`, None without an image.
    """

    inside: Array
    box: tuple[slice, slice, slice]
    spacing: tuple[float, ...]
    bins: int | None
    voxels: Array | None

    @cached_property
    def mask(self) -> Array:
        """The foreground in its box, int8."""
        mask: Array = self.inside[self.box].astype(np.int8)
        return mask

    @cached_property
    def problem(self) -> str | None:
        """Why no intensity is used; None where all are."""
        if self.voxels is None:
            return "there is no image"
        wrong = self.voxels.size - int(np.count_nonzero(np.isfinite(self.voxels)))
        return f"{wrong} voxels of the image in the mask's box are not finite" if wrong else None

    @cached_property
    def intensities(self) -> Array:
        """The image in the box, NaN outside the foreground.

        Raises:
            UndefinedError: there is no image, or one with voxels that are not finite.
        """
        if self.voxels is None or self.problem:
            raise UndefinedError(self.problem)
        intensities: Array = np.where(self.mask > 0, self.voxels[self.box], np.nan)
        return intensities

    @cached_property
    def levels(self) -> Array:
        """Grey levels 1, 2, ... in the box (IBSI's fixed bin number), NaN outside."""
        if self.bins is None:
            return self.intensities
        levels: Array = FixedBinNumberDiscretizer(self.bins).apply(Image(self.intensities)).array
        return levels

    @cached_property
    def texture(self) -> Array:
        """The grey levels, their parts moved together."""
        return move_together(self.levels)


def make_region(
    bits: Array, spacing: Sequence[float], bins: int | None, image: Scaled | None = None
) -> Region | None:
    """Return the box of a mask and 7 voxels around it; None where the mask is empty.

    Args:
        bits: bool, shape (x, y, z).
        spacing: mm along each array axis.
        bins: number of grey levels; None: the image's values are grey levels.
        image: stored voxels on the grid of the mask, slope and intercept.
    """
    foreground = crop(bits)
    if foreground is None:
        return None
    near, box = [], []
    for start, n in zip(foreground.start, foreground.inside.shape, strict=True):
        low = max(start - MARGIN, 0)
        near.append(slice(low, start + n + MARGIN))  # it may end past the last voxel
        box.append(slice(start - low, start - low + n))
    voxels = None
    if image is not None:
        stored, slope, inter = image
        voxels = stored[tuple(near)].astype(np.float64) * slope + inter
    x, y, z = box
    return Region(bits[tuple(near)], (x, y, z), tuple(map(float, spacing)), bins, voxels)


def measure_family(
    area: Region, family: str, aggregation: Aggregation = "comb"
) -> dict[str, float | None]:
    """Return IBSI name -> value of one family; None where the value is not a finite number.

    Args:
        area: the region.
        family: one of ibsi_names.ALL_FAMILIES.
        aggregation: of the 13 directions, where a family has them.

    Raises:
        UndefinedError: the region is too small or too flat for the family, or has no image.
    """
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore", RuntimeWarning)
            values = _FAMILIES[family](area, _MERGED[aggregation])
    except _UNDEFINED as error:
        raise UndefinedError(str(error).strip() or type(error).__name__) from error
    return {
        name: keep_finite(values.get(name.removesuffix("_3D").removesuffix(f"_3D_{aggregation}")))
        for name in list_names(family, aggregation)
    }


def _select_inside(values: Array) -> Array:
    """Return the values of a region, one after the other."""
    inside: Array = values[~np.isnan(values)]
    return inside


class _Morphology(MorphologicalFeatures):  # type: ignore[misc]  # z-rad is not typed
    """The engine's morphology, of the same bits on every run and defined for round shapes."""

    def _calc_pca(self, mask_array: Array) -> Array:
        """Return variances along the principal axes, mm2, descending.

        The engine's come from a product of matrices, whose threads may add in another order.
        """
        index = np.argwhere(mask_array)
        n = len(index)
        total = index.sum(axis=0).tolist()
        products = (index[:, :, None] * index[:, None, :]).sum(axis=0).tolist()
        covariance = [
            [
                (n * products[i][j] - total[i] * total[j]) / max(n * (n - 1), 1)
                * (self.spacing[i] * self.spacing[j])
                for j in range(3)
            ]
            for i in range(3)
        ]  # fmt: skip
        variances = np.linalg.eigvalsh(covariance)[::-1]
        significant: Array = np.where(variances > variances[0] * ROUNDING, variances, 0.0)
        return significant

    @staticmethod
    def _calc_area_density_aee(
        area_mesh: float, major_axis_len: float, minor_axis_len: float, least_axis_len: float
    ) -> float:
        """Return the area over that of the ellipsoid of the same axes.

        The engine divides by the ellipsoid's eccentricities, of which a round mask has none.
        Here P(k) is (alpha beta)^k times the Legendre polynomial, by its recurrence.
        """
        a, b, c = major_axis_len / 2, minor_axis_len / 2, least_axis_len / 2
        alpha2, beta2 = 1 - (b / a) ** 2, 1 - (c / a) ** 2
        middle, product = (alpha2 + beta2) / 2, alpha2 * beta2
        series, before, polynomial = 0.0, 0.0, 1.0
        for k in range(TERMS):
            series += polynomial / (1 - 4 * k * k)
            after = ((2 * k + 1) * middle * polynomial - k * product * before) / (k + 1)
            before, polynomial = polynomial, after
        return area_mesh / (4 * math.pi * a * b * series)


def _measure_morphology(area: Region, _merged: str) -> Values:
    intensities = area.mask.astype(np.float64) if area.problem else area.intensities
    values: dict[str, float] = _Morphology(area.spacing).calculate_features(
        area.mask, intensities, include_correlation=False
    )
    if not area.problem and _is_affordable(area.mask):
        values |= Autocorrelation(area.spacing).calculate_features(area.mask, intensities)
    return {k: v for k, v in values.items() if not (area.problem and k in NEEDS_IMAGE)}


def _is_affordable(mask: Array) -> bool:
    """Return whether all pairs of the region's voxels can be weighed in time and memory."""
    n = int(np.count_nonzero(mask))
    return n * (n - 1) // 2 <= MAX_PAIRS or math.prod(2 * size for size in mask.shape) <= MAX_CELLS


def _measure_volume_histogram(area: Region, _merged: str) -> Values:
    levels = _select_inside(area.levels)
    engine = IntensityVolumeHistogramFeatures(levels.min(), levels.max())
    values: Values = engine.calculate_features(levels)
    return values


def _measure_local(area: Region, _merged: str) -> Values:
    inside = np.full(area.inside.shape, np.nan)
    inside[area.box] = area.intensities
    values: Values = LocalIntensityFeatures(area.spacing).calculate_features(area.voxels, inside)
    return values


# Family -> its features, of a region and an aggregation of directions.
_FAMILIES: dict[str, Callable[[Region, str], Values]] = {
    "morphology": _measure_morphology,
    "intensity_statistics": lambda area, _: IntensityStatisticsFeatures().calculate_features(
        _select_inside(area.intensities)
    ),
    "intensity_histogram": lambda area, _: IntensityHistogramFeatures().calculate_features(
        _select_inside(area.levels)
    ),
    "glcm": lambda area, merged: Cooccurrence("3D", merged).calculate_features(area.texture),
    "glrlm": lambda area, merged: Runs("3D", merged).calculate_features(area.texture),
    "glszm": lambda area, _: SizeZones("3D").calculate_features(area.texture),
    "ngtdm": lambda area, _: Differences("3D").calculate_features(area.texture),
    "local_intensity": _measure_local,
    "ivh": _measure_volume_histogram,
    "gldzm": lambda area, _: DistanceZones("3D").calculate_features(area.levels, area.mask),
    "ngldm": lambda area, _: NGLDM("3D").calculate_features(area.texture),
}
