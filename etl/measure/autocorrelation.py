"""Moran's I and Geary's C of a region: the engine's, to the last bit, in half the time.

Each pair of voxels is weighed by its distance: a convolution, over twice the box along each axis.
Most lines of the padded box hold nothing but zeros, and the weights are even: neither needs its
transform. What is transformed goes through the same steps in the same order.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from scipy.fft import fft, ifft, irfft, rfft
from zrad.radiomics.morphology import MorphologyCorrelationFeatures

from etl.measure.arrays import Array

Size = tuple[int, ...]

SLAB = 8  # frequencies that are transformed at once: the spectrum of a large box takes 100 MB


class Autocorrelation(MorphologyCorrelationFeatures):  # type: ignore[misc]  # z-rad is not typed
    """The engine's two features, with its own choice between pairs and Fourier transforms."""

    def _fft_sums(
        self, coordinates: Array, centered: Array, shape: Size, fft_shape: Size
    ) -> tuple[float, float, float]:
        """Sum the weights, Moran's numerator and Geary's, each over the ordered pairs."""
        weights = _transform_weights(self.spacing, fft_shape)
        indices = tuple(coordinates.T)
        grid = np.zeros(shape)
        grid[indices] = 1
        degrees = _convolve(grid, weights, fft_shape)[indices]
        grid[indices] = centered
        moran = _sum_power(_transform_power(grid, fft_shape), weights, fft_shape)
        geary = 2 * (np.sum(centered * centered * degrees) - moran)
        return float(degrees.sum()), moran, float(geary)


def _split(lines: Array) -> Iterator[slice]:
    """Split the frequencies of axis 2: each has transforms along the other axes of its own."""
    n = lines.shape[2]
    return (slice(start, start + SLAB) for start in range(0, n, SLAB))


def _transform_weights(spacing: Size, size: Size) -> Array:
    """Transform the inverse distances from the first voxel, the shorter way round the box."""
    x, y, z = (
        (np.minimum(np.arange(n), n - np.arange(n)) * step) ** 2
        for n, step in zip(size, spacing, strict=True)
    )
    distances = np.sqrt(x[: size[0] // 2 + 1, None, None] + y[: size[1] // 2 + 1, None] + z)
    distances[0, 0, 0] = np.inf
    lines = rfft(1 / distances, axis=2)
    weights = np.empty((*size[:2], lines.shape[2]))
    for slab in _split(lines):
        part = fft(_mirror(lines[:, :, slab], size[0], 0), axis=0, overwrite_x=True)
        weights[:, :, slab] = fft(_mirror(part, size[1], 1), axis=1, overwrite_x=True).real
    return weights


def _mirror(half: Array, n: int, axis: int) -> Array:
    """Complete an even sequence of `n`: what follows its first half is that half backwards."""
    back = np.moveaxis(np.moveaxis(half, axis, 0)[1 : (n + 1) // 2][::-1], 0, axis)
    return np.concatenate([half, back], axis)


def _transform(lines: Array, size: Size) -> Array:
    """Transform along axes 0 and 1, padded to `size`, without the lines that are all padding."""
    return fft(fft(lines, n=size[0], axis=0), n=size[1], axis=1)


def _convolve(grid: Array, weights: Array, size: Size) -> Array:
    """Convolve a grid, padded to `size`, with the weights; return what has no padding."""
    lines = rfft(grid, n=size[2], axis=2)
    for slab in _split(lines):
        spectrum = _transform(lines[:, :, slab], size) * weights[:, :, slab]
        planes = ifft(spectrum, axis=0, norm="forward", overwrite_x=True)[: len(grid)]
        lines[:, :, slab] = ifft(planes, axis=1, norm="forward")[:, : grid.shape[1]]
    padded = irfft(lines, n=size[2], axis=2, norm="forward")
    return padded[:, :, : grid.shape[2]] * (1 / math.prod(size))


def _transform_power(grid: Array, size: Size) -> Array:
    """Transform a grid, padded to `size`; return the square of each magnitude."""
    lines = rfft(grid, n=size[2], axis=2)
    power = np.empty((*size[:2], lines.shape[2]))
    for slab in _split(lines):
        spectrum = _transform(lines[:, :, slab], size)
        power[:, :, slab] = spectrum.real**2 + spectrum.imag**2
    return power


def _sum_power(power: Array, weights: Array, size: Size) -> float:
    """Sum the weighted power over all frequencies (Parseval), of which half are not stored."""
    times = np.full(power.shape[-1], 2.0)
    times[0] = 1
    if size[-1] % 2 == 0:
        times[-1] = 1
    total = 0.0
    for plane, weight in zip(power, weights, strict=True):
        total += np.einsum("ij,ij,j->", plane, weight, times)
    return total / math.prod(size)
