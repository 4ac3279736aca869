"""Sort the voxels of an image that takes few values, as one that was once made of integers does."""

from __future__ import annotations

import numpy as np

from etl.measure.arrays import Array

BLOCK = 1 << 17  # voxels: their buckets fit a cache
SAMPLE = 1 << 15  # voxels whose values are taken for those of the image
BUCKETS = 1 << 16
SHIFT = 16  # of a 32-bit product, to a bucket
FACTOR = 2654435769  # 2^32 / golden ratio (Knuth, volume 3, 6.4): near values lie far apart
MOST_OTHERS = 1 / 8  # of the voxels, with values that have no bucket: past it sorting is faster


def sort_voxels(flat: Array) -> Array:
    """Sort an array, NaN at the end: counted where few values make up a float32 image.

    Zeros of either sign stand in any order, as they do for numpy.
    """
    counted = _count_values(flat.view(np.uint32)) if flat.dtype == np.float32 else None
    if counted is None:
        return np.sort(flat)
    values, counts = counted[0].view(np.float32), counted[1]
    order = np.argsort(values)
    return np.repeat(values[order], counts[order])


def _count_values(bits: Array) -> tuple[Array, Array] | None:
    """Count each value, by its bits; None where too many voxels have a value without a bucket.

    A bucket holds one value: the most frequent one of a sample. What it is not is sorted.
    """
    values = _fill_buckets(bits[:: bits.size // SAMPLE + 1])
    counts = np.zeros(BUCKETS, np.int64)
    pieces: list[Array] = []
    for start in range(0, bits.size, BLOCK):
        block = bits[start : start + BLOCK]
        buckets = _find_buckets(block)
        counts += np.bincount(buckets, minlength=BUCKETS)
        pieces.append(block[np.flatnonzero(values.take(buckets) != block)])
        if sum(map(len, pieces)) > bits.size * MOST_OTHERS:
            return None
    rest = np.concatenate(pieces)
    counts -= np.bincount(_find_buckets(rest), minlength=BUCKETS)
    rest, rest_counts = np.unique(rest, return_counts=True)
    filled = np.flatnonzero(counts)
    return np.append(values[filled], rest), np.append(counts[filled], rest_counts)


def _fill_buckets(sample: Array) -> Array:
    values, counts = np.unique(sample, return_counts=True)
    values = values[np.argsort(counts, kind="stable")]
    value_of_bucket = np.zeros(BUCKETS, np.uint32)
    value_of_bucket[_find_buckets(values)] = values  # the last one stays
    return value_of_bucket


def _find_buckets(bits: Array) -> Array:
    return (bits * np.uint32(FACTOR) >> np.uint32(SHIFT)).astype(np.intp)
