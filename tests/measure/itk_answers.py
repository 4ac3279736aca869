"""What ITK itself answers: recorded, and asked again where it is installed.

Recorded from ITK 5.4.7 (PyPI `itk`, 1.5 GB: no dependency) on `picture()`, as CaPTk asks it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from types import ModuleType
from typing import Any

import numpy as np
from support import Array


@dataclass(frozen=True)
class Answers:
    """The filled bins, two quantiles of the histogram, and the mean texture of 26 offsets."""

    filled: dict[int, int]
    quantiles: tuple[float, float]
    texture: dict[str, float]


# Every bin with a voxel and how many it holds; the same in both pictures, which are one shape.
_FILLED = {
    0: 6, 1: 2, 2: 1, 5: 1, 6: 2, 7: 1, 8: 1, 9: 2, 11: 1, 13: 4, 14: 1, 19: 3, 20: 2, 21: 2,
    24: 1, 26: 1, 27: 2, 33: 1, 34: 2, 36: 1, 37: 2, 39: 1, 41: 1, 43: 1, 44: 1, 45: 1, 48: 1,
    49: 1, 51: 1, 53: 2, 54: 1, 55: 1, 58: 1, 61: 2, 63: 2, 64: 2, 65: 1, 67: 1, 76: 1, 77: 4,
    78: 1, 79: 1, 80: 1, 85: 1, 86: 1, 87: 1, 88: 2, 90: 2, 91: 1, 96: 1, 102: 1, 104: 2, 107: 1,
    111: 1, 112: 1, 116: 1, 117: 1, 119: 1, 120: 2, 121: 1, 127: 1,
}  # fmt: skip
RECORDED = {
    "n3": Answers(
        _FILLED,
        (185.45198822021484, 29548.683593749996),
        {
            "Energy": 0.013033027996732671,
            "Entropy": 6.305316757267205,
            "Correlation": 0.00013790091479424637,
            "Homogeneity": 0.04727524038054044,
            "Contrast": 2165.9835389801765,
            "ClusterShade": 23015.73302251757,
            "ClusterProminence": 21171860.780793812,
            "AutoCorrelation": 20026982.6867292,
        },
    ),
    "zscored": Answers(
        _FILLED,
        (-2.298473635688424, 4.87028408050537),
        {
            "Energy": 0.012819260657247786,
            "Entropy": 6.322149541341367,
            "Correlation": 0.00017578473303215674,
            "Homogeneity": 0.04432697921073676,
            "Contrast": 1693.7161009923361,
            "ClusterShade": 15750.671031534856,
            "ClusterProminence": 12921855.604729462,
            "AutoCorrelation": 14728005.972778182,
        },
    ),
}


def picture(kind: str) -> tuple[Array, Array]:
    """A 6 x 5 x 4 image by formula, float32, and a mask: integers as N3 has, or z-scores."""
    x, y, z = np.indices((6, 5, 4))
    whole = (37 * x * x + 101 * y * z + 17 * x * z * z + 5 * y) % 1009
    image = whole * 32 if kind == "n3" else (whole - 300) / 128
    return image.astype(np.float32), (x + 2 * y + 3 * z) % 4 != 1


def ask(itk: ModuleType, values: Array, inside: Array) -> Answers:
    """Ask ITK as CaPTk does (FeatureExtraction.hxx, GLCMFeatures.h)."""
    image = _image(itk, values, np.float32)
    counts = itk.MaskedImageToHistogramFilter[itk.Image[itk.F, 3], itk.Image[itk.UC, 3]].New()
    counts.SetInput(image)
    counts.SetMaskImage(_image(itk, inside, np.uint8))
    counts.SetMaskValue(1)
    counts.SetHistogramSize([128])
    counts.SetHistogramBinMinimum([float(values[inside].min())])
    counts.SetHistogramBinMaximum([float(values[inside].max())])
    counts.Update()
    found = counts.GetOutput()
    times = [int(found.GetFrequency(n, 0)) for n in range(128)]
    mask = _image(itk, inside, np.float32)
    span = float(values[inside].min()), float(values[inside].max())
    offsets = [o for o in product((-1, 0, 1), repeat=3) if o != (0, 0, 0)]
    every = [_texture(itk, image, mask, span, offset) for offset in offsets]
    return Answers(
        {n: count for n, count in enumerate(times) if count},
        (found.Quantile(0, 0.05), found.Quantile(0, 0.95)),
        {name: sum(one[name] for one in every) / len(every) for name in every[0]},
    )


def _image(itk: ModuleType, array: Array, kind: type) -> Any:  # noqa: ANN401  not typed
    return itk.image_from_array(np.ascontiguousarray(array.T, kind))


def _texture(
    itk: ModuleType, image: object, mask: object, span: tuple[float, float], step: tuple[int, ...]
) -> dict[str, float]:
    matrix = itk.ScalarImageToCooccurrenceMatrixFilter[itk.Image[itk.F, 3]].New()
    matrix.SetNumberOfBinsPerAxis(128)
    matrix.SetPixelValueMinMax(*span)
    matrix.SetInput(image)
    matrix.SetMaskImage(mask)
    offset = itk.Offset[3]()
    offset[0], offset[1], offset[2] = step
    matrix.SetOffset(offset)
    matrix.Update()
    texture = itk.HistogramToTextureFeaturesFilter[itk.itkHistogramPython.itkHistogramD].New()
    texture.SetInput(matrix.GetOutput())
    texture.Update()
    return {
        "Energy": texture.GetEnergy(),
        "Entropy": texture.GetEntropy(),
        "Correlation": texture.GetCorrelation(),
        "Homogeneity": texture.GetInverseDifferenceMoment(),
        "Contrast": texture.GetInertia(),
        "ClusterShade": texture.GetClusterShade(),
        "ClusterProminence": texture.GetClusterProminence(),
        "AutoCorrelation": texture.GetHaralickCorrelation(),
    }
