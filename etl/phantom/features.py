"""The published features: 370 names by the real grammar, computed or drawn.

Computed from the stored voxels of N3 phase 1 inside the expert's 1 mm mask carried to the native
grid: Intensity, Histogram, Volumetric, Morphologic and GLCM. All others are drawn: is_synthetic()
knows them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from etl.model.feature_names import GRAMMAR, NAMES, name_feature
from etl.phantom import radiomics
from etl.phantom.grids import Draw, Plan
from etl.phantom.radiomics import Mask

_INTENSITY, _HISTOGRAM, _VOLUMETRIC, _MORPHOLOGIC, _GLCM = _COMPUTED = tuple(
    family for family, _ in GRAMMAR[:5]
)
# Rounding noise in CaPTk (it sums signed deviations), so it cannot be computed again.
_NOISE = "MeanAbsoluteDeviation"
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


def is_synthetic(name: str) -> bool:
    """Return whether a feature's values are drawn rather than computed from the voxels."""
    computed = tuple(name_feature(family, "") for family in _COMPUTED)
    return not name.startswith(computed) or name.endswith(f"_{_NOISE}")


def compute_values(plan: Plan, voxels: NDArray[np.int16], region: Mask) -> list[float]:
    """Return the 370 values of a case, in the order of `NAMES`.

    Args:
        plan: the case; its native grid gives the spacing.
        voxels: stored N3 phase 1 voxels of the region.
        region: the expert's mask on the native grid, z, y, x.
    """
    rng = plan.make_stream(Draw.FEATURES)
    image, region = _crop_to_region(voxels, region)
    shape = radiomics.compute_morphology(region, plan.native.spacing)
    by_family = {
        _INTENSITY: radiomics.compute_statistics(voxels.astype(np.float64), rng),
        _HISTOGRAM: radiomics.compute_histogram(voxels, rng),
        _VOLUMETRIC: {"Pixels": voxels.size, "Volume": voxels.size * plan.native.voxel_volume},
        _MORPHOLOGIC: shape | dict.fromkeys(_CONSTANT, 0.0),
        _GLCM: radiomics.compute_texture(image, region),
    }
    computed: dict[str, float] = {}
    for family, values in by_family.items():
        computed |= _add_family(family, values)
    return [computed[name] if name in computed else _draw_value(name, rng) for name in NAMES]


def compute_of_older_mask(plan: Plan, voxels: NDArray[np.int16], region: Mask) -> dict[str, float]:
    """Return the family Intensity of an older mask: one voxel less on every side."""
    image, region = _crop_to_region(voxels, region)
    older = ndimage.binary_erosion(region)
    numbers = image[older if older.any() else region].astype(np.float64)
    statistics = radiomics.compute_statistics(numbers, plan.make_stream(Draw.FEATURES))
    return _add_family(_INTENSITY, statistics)


def _crop_to_region(voxels: NDArray[np.int16], region: Mask) -> tuple[NDArray[np.int16], Mask]:
    """Return the voxels where they lie in the region's box, and the region in it."""
    box = ndimage.find_objects(region.astype(np.uint8))[0]
    inside: Mask = region[box]
    image = np.zeros(inside.shape, np.int16)
    image[inside] = voxels
    return image, inside


def _add_family(family: str, computed: dict[str, float]) -> dict[str, float]:
    return {name_feature(family, feature): float(value) for feature, value in computed.items()}


def _draw_value(name: str, rng: np.random.Generator) -> float:
    if name.endswith(_SHARES):
        return float(rng.uniform(0.01, 0.99))
    return float(np.exp(rng.uniform(np.log(10.0), np.log(1000.0))))
