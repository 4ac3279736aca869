"""The scale of an image against another one: a line through the voxels that say something.

The z-scored image of a phase is its N3 image on the 1 mm grid, times a slope, plus an intercept.
The three phases of a patient share one mean and one standard deviation, so that their slopes are
one number, unless the N3 images were stretched one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from etl.measure.arrays import Array
from etl.measure.intensity import BLOCK, measure_intensity
from etl.measure.trilinear import resample_planes

FOREGROUND_SHARE = 0.1  # of the N3 image's 99th percentile
OUTLIER_SDS = 3.0  # of a normal distribution: 0.3 % of it lies beyond
MAD_TO_SD = 1.4826  # of a normal distribution, from the median absolute deviation
MOST_VOXELS = 1_000_000  # a slope needs no more, and no image is too large for the memory
MIN_VOXELS = 1000  # 10 mm cubed: fewer are no image of a breast


@dataclass(frozen=True, slots=True)
class Image:
    """Stored voxels (x, y, z), voxel index to RAS+ world in mm, slope and intercept of a header."""

    voxels: Array
    affine: Array
    scaling: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Fit:
    """z = slope x n3 + intercept over `n_voxels`; `n_outliers` more were left out as far off."""

    slope: float
    intercept: float
    r_squared: float
    n_voxels: int
    n_outliers: int


def fit_phase(n3: Image, zscored: Image) -> Fit | None:
    """Return the line of a phase's z-scored image on its N3 image, in scaled values.

    Which 1 mm voxels count, and why:

    - those of every k-th plane of array axis 2, k as small as 1 million voxels allow: planes lie
      closer than the slices that they come from;
    - those whose centre lies inside the N3 grid, as no value is made up;
    - those whose N3 neighbours are finite and below the data type's maximum, where signal may be
      cut off;
    - those whose resampled N3 value is above a tenth of the image's 99th percentile: in air a
      magnitude image holds rectified noise, which is no signal. The choice goes by the abscissa
      alone: a choice by the z-score would bend the line;
    - in the end those within three standard deviations of a first line (from the median absolute
      residual): at the skin, two ways of resampling differ by much more than the noise. On
      phantoms this takes the slope's error from 3 % to below 0.5 %.

    Returns:
        None where fewer than 1000 voxels count, or all have one N3 value.
    """
    x, y = _select_pairs(n3, zscored)
    first = _fit_line(x, y)
    if first is None:
        return None
    residuals = np.abs(y - (np.float32(first.slope) * x + np.float32(first.intercept)))
    is_near = residuals <= OUTLIER_SDS * MAD_TO_SD * float(np.median(residuals))
    return _fit_line(x[is_near], y[is_near], n_outliers=x.size - int(np.count_nonzero(is_near)))


def _select_pairs(n3: Image, zscored: Image) -> tuple[Array, Array]:
    """Return N3 and z-scored values of the voxels that count before the first line, float32."""
    p99 = measure_intensity(n3.voxels, *n3.scaling).p99
    lowest = FOREGROUND_SHARE * p99 if p99 is not None else np.inf
    size = (zscored.voxels.shape[0], zscored.voxels.shape[1], zscored.voxels.shape[2])
    numbers = range(0, size[2], -(-zscored.voxels.size // MOST_VOXELS))
    planes = resample_planes(_drop_cut_values(n3.voxels), n3.affine, zscored.affine, size, numbers)
    chosen = list(_choose_values(zip(numbers, planes, strict=True), n3.scaling, zscored, lowest))
    return np.concatenate([x for x, _ in chosen]), np.concatenate([y for _, y in chosen])


def _drop_cut_values(voxels: Array) -> Array:
    """Return float32, NaN where the stored value is at the data type's maximum or not finite."""
    values = voxels.astype(np.float32)
    if voxels.dtype.kind == "f":
        values[~np.isfinite(voxels)] = np.nan
    else:
        values[voxels == np.iinfo(voxels.dtype).max] = np.nan
    return values


def _choose_values(
    planes: Iterable[tuple[int, Array]], scaling: tuple[float, float], zscored: Image, lowest: float
) -> Iterator[tuple[Array, Array]]:
    slope, inter = map(np.float32, scaling)
    z_slope, z_inter = map(np.float32, zscored.scaling)
    for number, plane in planes:
        scaled = plane * slope + inter
        beside = zscored.voxels[:, :, number]
        counts = (scaled > lowest) & np.isfinite(beside)  # no NaN is above anything
        yield scaled[counts], beside[counts].astype(np.float32) * z_slope + z_inter


def _fit_line(x: Array, y: Array, n_outliers: int = 0) -> Fit | None:
    """Fit a line by least squares, in float64, block by block."""
    if x.size < MIN_VOXELS:
        return None
    mean_x, mean_y = float(x.mean(dtype=np.float64)), float(y.mean(dtype=np.float64))
    xx, xy, yy = np.sum(
        [_sum_products(a - mean_x, b - mean_y) for a, b in _split_blocks(x, y)], axis=0
    )
    if not xx > 0:
        return None
    slope = float(xy / xx)
    r_squared = float(xy * xy / (xx * yy)) if yy > 0 else 0.0
    return Fit(slope, mean_y - slope * mean_x, r_squared, x.size, n_outliers)


def _split_blocks(x: Array, y: Array) -> Iterator[tuple[Array, Array]]:
    for start in range(0, x.size, BLOCK):
        part = slice(start, start + BLOCK)
        yield x[part].astype(np.float64), y[part].astype(np.float64)


def _sum_products(x: Array, y: Array) -> tuple[float, float, float]:
    return float((x * x).sum()), float((x * y).sum()), float((y * y).sum())
