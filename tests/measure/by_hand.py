"""Definitions written out, over every voxel and every pair: slow, and short enough to be read."""

from __future__ import annotations

import math

import numpy as np
from scipy import ndimage
from scipy.spatial.distance import cdist
from support import Array


def carry_by_hand(bits: Array, source: Array, target: Array, size: tuple[int, ...]) -> Array:
    """Each target voxel takes the source voxel that its centre lies in; none lies outside."""
    step = np.linalg.inv(source) @ target
    centres = step[:3, :3] @ np.indices(size).reshape(3, -1) + step[:3, 3:]
    index = np.floor(np.round(centres, 6) + 0.5).astype(int)
    last = np.array(bits.shape)[:, None] - 1
    is_inside = ((index >= 0) & (index <= last)).all(axis=0)
    carried: Array = bits[tuple(index.clip(0, last))] & is_inside
    return carried.reshape(size)


def agree_by_hand(a: Array, b: Array, affine: Array) -> dict[str, float]:
    """What two masks of one grid share, and the distances of every pair of surface voxels."""
    one, other = (np.argwhere(m & ~ndimage.binary_erosion(m)) @ affine[:3, :3].T for m in (a, b))
    apart = cdist(one, other)
    there, back = apart.min(axis=1), apart.min(axis=0)
    middles = [np.argwhere(m).mean(axis=0) @ affine[:3, :3].T for m in (a, b)]
    n_both = int((a & b).sum())
    return {
        "dice": 2 * n_both / int(a.sum() + b.sum()),
        "jaccard": n_both / int((a | b).sum()),
        "hausdorff_mm": float(max(there.max(), back.max())),
        "hausdorff95_mm": float(max(np.percentile(there, 95), np.percentile(back, 95))),
        "assd_mm": float(np.concatenate([there, back]).mean()),
        "centroid_distance_mm": math.dist(*middles),
        "a_inside_b_fraction": n_both / int(a.sum()),
        "b_inside_a_fraction": n_both / int(b.sum()),
    }
