"""CaPTk's families Volumetric and Morphologic.

Source: CBICA/CaPTk, CalculateVolumetric in FeatureExtraction.hxx (read at 9c0e70a) and
MorphologicFeatures.h (read at f6b366c) with its default Range 0: the largest face-connected
component, through ITK's shape label filter (itkShapeLabelMapFilter.hxx), which SimpleITK carries.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from etl.measure.arrays import Array
from etl.measure.captk_intensity import Values
from etl.measure.mask import Foreground

Spacing = tuple[float, ...]

_LABEL = 1


def measure_volumetric(voxel_count: int, voxel_volume_mm3: float) -> Values:
    """Return the family Volumetric: voxels of the whole mask, and their volume in mm3."""
    return {"Pixels": float(voxel_count), "Volume": voxel_count * voxel_volume_mm3}


def measure_morphologic(largest: Foreground, spacing: Spacing) -> Values:
    """Return the family Morphologic without its constants: statistic -> value (mm, mm2, mm3).

    Left out: OrientedBoundingBoxSize is never computed by CaPTk, and what lies on the image's
    border is 0 in every case.

    Args:
        largest: the largest face-connected component.
        spacing: distance of voxel centres along each array axis, mm.
    """
    shape = _label_shape(largest.inside, spacing)
    axes = tuple(float(d) for d in shape.GetEquivalentEllipsoidDiameter(_LABEL))
    count = float(shape.GetNumberOfPixels(_LABEL))
    return {
        "LargestComponentSize": count,
        "NumberOfPixels": count,
        "PhysicalSize": float(shape.GetPhysicalSize(_LABEL)),
        "EquivalentSphericalRadius": float(shape.GetEquivalentSphericalRadius(_LABEL)),
        "EquivalentSphericalPerimeter": float(shape.GetEquivalentSphericalPerimeter(_LABEL)),
        "Perimeter": float(shape.GetPerimeter(_LABEL)),
        "Roundness": float(shape.GetRoundness(_LABEL)),
        "Elongation": float(shape.GetElongation(_LABEL)),
        "Flatness": float(shape.GetFlatness(_LABEL)),
        "Eccentricity": compute_eccentricity(axes),
        **{f"EllipseDiameter_Axis-{n}": axis for n, axis in enumerate(axes)},
    }


def compute_eccentricity(axes: Spacing) -> float:
    """Return sqrt(1 - d0 d1 / d2^2) of the ellipsoid's diameters, ascending; NaN where flat."""
    shortest, middle, longest = axes
    if longest == 0:
        return float("nan")
    return float(max(1 - shortest * middle / longest**2, 0.0) ** 0.5)


def _label_shape(inside: Array, spacing: Spacing) -> Any:  # noqa: ANN401  SimpleITK is not typed
    import SimpleITK  # a third of a second that other tables save

    # Padded: ITK shares work along the last axis that is longer than 1, and a run of voxels along
    # the first that it cuts in two would count as two.
    image = SimpleITK.GetImageFromArray(np.pad(inside.T, 1).astype(np.uint8))
    image.SetSpacing([float(step) for step in spacing])
    shape = SimpleITK.LabelShapeStatisticsImageFilter()
    shape.SetNumberOfThreads(1)  # one label is no work to share; the pool shares the cases
    shape.Execute(image)
    return shape
