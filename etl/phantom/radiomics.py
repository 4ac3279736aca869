"""What the publisher's program would print for a region: CaPTk 1.8.1's definitions.

Written apart from etl.measure and in other ways (loops over pairs, counts of crossings, moments),
so that agreement between the two is evidence. Sources: CBICA/CaPTk, FeatureExtraction.hxx,
GLCMFeatures.h, MorphologicFeatures.h, cbicaStatistics.h; ITK, itkHistogram.hxx,
itkHistogramToTextureFeaturesFilter.hxx, itkShapeLabelMapFilter.hxx.
"""

from __future__ import annotations

from itertools import product
from math import pi

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from etl.phantom.grids import Vector

Mask = NDArray[np.bool_]
Numbers = NDArray[np.float64]
Whole = NDArray[np.int64]
Found = dict[str, float]
Step = tuple[int, int, int]

BINS = 128

_STRETCH = 12800.0  # ITK moves the upper bound by a hundredth of a bin
_NEIGHBOURS: tuple[Step, ...] = tuple(
    (z, y, x) for z, y, x in product((-1, 0, 1), (-1, 0, 1), (-1, 0, 1)) if (z, y, x) != (0, 0, 0)
)
# Share of all directions that is nearest to a neighbour by face, edge and corner.
_DIRECTIONS = {1: 0.04577789120476, 2: 0.03698062787608, 3: 0.03519563978232}
_RARE = 0.0001


def compute_statistics(numbers: Numbers, rng: np.random.Generator) -> Found:
    """Return first-order statistics as CaPTk defines them; whole numbers from 0.

    Variance over n - 1; kurtosis not excess; the p-th percentile is the sorted value at index
    floor(p n / 100); "MedianAbsoluteDeviation" is the mean minus the median; the mode is the
    smallest of the most frequent values, among which the maximum does not count.
    """
    ordered = np.sort(numbers)
    n = len(ordered)
    mean, median = float(ordered.mean()), float(np.median(ordered))
    variance = float(ordered.var(ddof=1))
    sd = variance**0.5
    score = (ordered - mean) / sd
    low, high = find_percentile(ordered, 25), find_percentile(ordered, 75)
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
        "Mode": _find_mode(ordered),
        "NinetiethPercentile": find_percentile(ordered, 90),
        "QuartileCoefficientOfVariation": (high - low) / (high + low),
        "Range": float(ordered[-1] - ordered[0]),
        "RootMeanSquare": (squares / n) ** 0.5,
        "Skewness": float(np.mean(score**3)),
        "StandardDeviation": sd,
        "Sum": float(ordered.sum()),
        "TenthPercentile": find_percentile(ordered, 10),
        "Variance": variance,
    }


def find_percentile(ordered: Numbers, p: int) -> float:
    """Return the sorted value at index floor(p n / 100)."""
    return float(ordered[p * len(ordered) // 100])


def _find_mode(ordered: Numbers) -> float:
    times = np.bincount(ordered.astype(np.int64))
    times[-1] = 0
    return float(np.argmax(times))


def compute_histogram(voxels: NDArray[np.int16], rng: np.random.Generator) -> Found:
    """Return 128 equal bins, statistics of bin numbers; two quantiles and means of intensities.

    The lowest and the highest bin are never empty, which is why Minimum, Maximum and Range are
    the same in every case.
    """
    lowest, highest = int(voxels.min()), int(voxels.max())
    end = highest + (highest - lowest) / _STRETCH
    edges = _make_edges(lowest, end)
    index = np.digitize(voxels, edges[1:-1])
    times = [int(np.count_nonzero(index == number)) for number in range(BINS)]
    share = np.array(times) / voxels.size
    occupied = share[share > 0]
    ordered = np.sort(index).astype(np.float64)
    tenth, ninetieth = find_percentile(ordered, 10), find_percentile(ordered, 90)
    robust = ordered[(ordered >= tenth) & (ordered <= ninetieth)]
    low, high = _find_fifth(times, edges), _find_ninety_fifth(times, edges)
    result = compute_statistics(ordered, rng)
    result.update(
        Entropy=float(-np.sum(occupied * np.log2(occupied))),
        Uniformity=float(np.sum(share * share)),
        FifthPercentile=low,
        FifthPercentileMean=float(voxels[voxels <= low].mean()),
        NinetyFifthPercentile=high,
        NinetyFifthPercentileMean=float(voxels[(voxels >= high) & (voxels > low)].mean()),
        TwentyFifthPercentile=find_percentile(ordered, 25),
        SeventyFifthPercentile=find_percentile(ordered, 75),
        RobustMeanAbsoluteDeviation1090=float(np.mean(np.abs(robust - robust.mean()))),
    )
    for number in range(BINS):
        result[f"Bin-{number}_Frequency"] = float(times[number])
        result[f"Bin-{number}_Probability"] = float(share[number])
    return result


def _make_edges(low: float, high: float) -> Numbers:
    """Return the 129 edges of the bins; ITK multiplies in single precision."""
    width = (np.float32(high) - np.float32(low)) / np.float32(BINS)
    inner = [low + float(np.float32(number) * width) for number in range(BINS)]
    return np.array([*inner, high])


def _find_fifth(times: list[int], edges: Numbers) -> float:
    """Return the 5 % quantile, counted from below, linear inside its bin."""
    seen = 0
    for number, count in enumerate(times):
        if (seen + count) / sum(times) >= 0.05:  # noqa: PLR2004  5 %
            part = (0.05 - seen / sum(times)) / (count / sum(times))
            return float(edges[number] + part * (edges[number + 1] - edges[number]))
        seen += count
    message = "a histogram without a voxel"
    raise ValueError(message)


def _find_ninety_fifth(times: list[int], edges: Numbers) -> float:
    """Return the 95 % quantile, counted from above, linear inside its bin."""
    seen = 0
    for number in reversed(range(BINS)):
        count = times[number]
        if 1 - (seen + count) / sum(times) <= 0.95:  # noqa: PLR2004  95 %
            part = (1 - seen / sum(times) - 0.95) / (count / sum(times))
            return float(edges[number + 1] - part * (edges[number + 1] - edges[number]))
        seen += count
    message = "a histogram without a voxel"
    raise ValueError(message)


def compute_texture(image: NDArray[np.int16], region: Mask) -> Found:
    """Return ITK's features of the GLCM: 128 levels over [min, max + 1], mean of 26 neighbours.

    Args:
        image: stored voxels; only those of the region count.
        region: the mask, same shape.
    """
    inside = np.pad(region, 1)
    levels = np.zeros(inside.shape, np.int64)
    voxels = image[region]
    edges = _make_edges(int(voxels.min()), int(voxels.max()) + 1)
    levels[inside] = np.digitize(voxels, edges[1:-1])
    rows = [_compute_pairs(levels, inside, step) for step in _NEIGHBOURS]
    return {name: sum(row[name] for row in rows) / len(rows) for name in rows[0]}


def _compute_pairs(levels: Whole, inside: Mask, step: Step) -> Found:
    shifted = tuple(
        np.add(indices, move) for indices, move in zip(np.nonzero(inside), step, strict=True)
    )
    is_pair = inside[shifted]
    first, second = levels[inside][is_pair], levels[shifted][is_pair]
    table = np.zeros((BINS, BINS))
    np.add.at(table, (first, second), 0.5 / len(first))
    np.add.at(table, (second, first), 0.5 / len(first))
    i, j = np.nonzero(table)
    share = table[i, j]
    marginal = table.sum(axis=0)
    mean = float(np.sum(i * share))
    spread = float(np.sum((i - mean) ** 2 * share))
    often = share[share > _RARE]
    return {
        "AutoCorrelation": float((np.sum(i * j * share) - marginal.mean() ** 2) / marginal.var()),
        "ClusterProminence": float(np.sum((i + j - 2 * mean) ** 4 * share)),
        "ClusterShade": float(np.sum((i + j - 2 * mean) ** 3 * share)),
        "Contrast": float(np.sum((i - j) ** 2 * share)),
        "Correlation": float(np.sum((i - mean) * (j - mean) * share) / spread**2),
        "Energy": float(np.sum(share**2)),
        "Entropy": float(-np.sum(often * np.log2(often))),
        "Homogeneity": float(np.sum(share / (1 + (i - j) ** 2))),
    }


def compute_morphology(region: Mask, spacing: Vector) -> Found:
    """Return the shape of the largest face-connected component (mm).

    Args:
        region: the mask, z, y, x.
        spacing: of x, y and z.
    """
    main = find_largest(region)
    steps = np.array(spacing[::-1])
    count = int(np.count_nonzero(main))
    size = count * float(np.prod(steps))
    radius = float((3 * size / (4 * pi)) ** (1 / 3))
    surface = 4 * pi * radius**2
    moments = _compute_moments(main, steps)
    axes = 2 * radius * np.sqrt(moments / np.prod(moments) ** (1 / 3))
    perimeter = _measure_perimeter(main, steps)
    return {
        "LargestComponentSize": count,
        "NumberOfPixels": count,
        "PhysicalSize": size,
        "EquivalentSphericalRadius": radius,
        "EquivalentSphericalPerimeter": surface,
        "Perimeter": perimeter,
        "Roundness": surface / perimeter,
        "Elongation": float((moments[2] / moments[1]) ** 0.5),
        "Flatness": float((moments[1] / moments[0]) ** 0.5),
        "Eccentricity": float((1 - axes[0] * axes[1] / axes[2] ** 2) ** 0.5),
        **{f"EllipseDiameter_Axis-{n}": float(axis) for n, axis in enumerate(axes)},
    }


def find_largest(region: Mask) -> Mask:
    """Return the face-connected component with most voxels."""
    labels, count = ndimage.label(region)
    sizes = [int(np.count_nonzero(labels == number)) for number in range(1, count + 1)]
    main: Mask = labels == 1 + int(np.argmax(sizes))
    return main


def _compute_moments(main: Mask, steps: Numbers) -> Numbers:
    """Return principal second moments of the voxel centres, ascending, mm2."""
    places = np.stack(np.nonzero(main)) * steps[:, None]
    return np.asarray(np.linalg.eigvalsh(np.cov(places, ddof=0)), np.float64)


def _measure_perimeter(main: Mask, steps: Numbers) -> float:
    """Return the surface by Crofton's formula: how often lines in 26 directions leave it."""
    padded = np.pad(main, 1)
    total = 0.0
    for step in _NEIGHBOURS:
        leaves = padded & ~np.roll(padded, [-move for move in step], (0, 1, 2))
        length = float(np.sqrt(np.sum((np.array(step) * steps) ** 2)))
        weight = _DIRECTIONS[sum(map(abs, step))] / length
        total += weight * int(np.count_nonzero(leaves))
    return 4 * float(np.prod(steps)) * total
