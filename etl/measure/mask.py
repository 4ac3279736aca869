"""What a mask holds: foreground, box, components, centroid, digest."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any

import cc3d
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

MAX_STORED_VALUES = 16


@dataclass(frozen=True, slots=True)
class Foreground:
    """The foreground of a mask, cropped to its box.

    `inside`: bool, shape of the box (x, y, z); `start`: voxel index of its first corner.
    """

    inside: Array
    start: tuple[int, int, int]
    voxel_count: int

    @property
    def box(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Inclusive first and last voxel index along each axis."""
        stop = tuple(s + n - 1 for s, n in zip(self.start, self.inside.shape, strict=True))
        return self.start, stop


def foreground_bits(voxels: Array) -> tuple[Array, int]:
    """Where the stored value is not 0 and finite (bool, shape of the mask); how many are not."""
    bits: Array = voxels != 0
    if voxels.dtype.kind != "f":
        return bits, 0
    finite = np.isfinite(voxels)
    n_nonfinite = voxels.size - int(np.count_nonzero(finite))
    if n_nonfinite:
        bits &= finite
    return bits, n_nonfinite


def crop(bits: Array) -> Foreground | None:
    """The foreground in its box, or None where there is none.

    Args:
        bits: bool, shape (x, y, z).
    """
    if not bits.any():
        return None
    z0, z1 = _ends(bits, (0, 1))  # z is the slowest axis in memory: the cheap one first
    part = bits[:, :, z0:z1]
    y0, y1 = _ends(part, (0, 2))
    part = part[:, y0:y1]
    x0, x1 = _ends(part, (1, 2))
    inside = part[x0:x1]
    return Foreground(inside, (x0, y0, z0), int(np.count_nonzero(inside)))


def _ends(bits: Array, others: tuple[int, int]) -> tuple[int, int]:
    """First and past-last index of the foreground along the axis that is not in `others`."""
    where = np.flatnonzero(bits.any(axis=others))
    return int(where[0]), int(where[-1]) + 1


def stored_values(voxels: Array, found: Foreground | None) -> list[float] | None:
    """The distinct stored values, ascending; None past 16 (not a mask any more).

    Only the box is searched: outside it all is 0 or not finite.
    """
    values: set[float] = set()
    if found is None or found.voxel_count < voxels.size:
        values.add(0.0)
    if found is not None:
        box = tuple(slice(s, s + n) for s, n in zip(found.start, found.inside.shape, strict=True))
        inside = np.unique(voxels[box][found.inside])
        if inside.size > MAX_STORED_VALUES:
            return None
        values.update(map(float, inside))
    return sorted(values) if len(values) <= MAX_STORED_VALUES else None


def voxel_digest(bits: Array) -> str:
    """32 hex digits over size and foreground bits: equal masks, whatever dtype or packing."""
    digest = hashlib.blake2b(repr(tuple(bits.shape)).encode(), digest_size=16)
    digest.update(np.packbits(bits.ravel(order="F")).tobytes())
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Components:
    """Face-connected components; `largest` is the foreground of the largest one in its box."""

    count: int
    largest: Foreground


def components(found: Foreground) -> Components:
    """Face-connected components of a foreground. Ties: the one that is met first."""
    labels, count = cc3d.connected_components(found.inside, connectivity=6, return_N=True)
    if count == 1:
        return Components(1, found)
    sizes = np.bincount(labels.ravel(order="K"))
    sizes[0] = 0
    # The label of a tie depends on the scan order; the first voxel in x, y, z order does not.
    wanted = np.flatnonzero(sizes == sizes.max())
    tied = [_component(labels, int(label), found.start) for label in wanted]
    return Components(int(count), min(tied, key=_first_voxel))


def _component(labels: Array, label: int, origin: tuple[int, int, int]) -> Foreground:
    """One component, placed in the mask: `origin` is the voxel index of the labels' corner."""
    part = crop(labels == label)
    if part is None:
        message = f"label {label} is empty"
        raise ValueError(message)
    x, y, z = (a + b for a, b in zip(origin, part.start, strict=True))
    return replace(part, start=(x, y, z))


def _first_voxel(part: Foreground) -> tuple[int, ...]:
    first = np.unravel_index(int(np.argmax(part.inside.ravel())), part.inside.shape)
    return tuple(int(a) + b for a, b in zip(first, part.start, strict=True))


def centroid_index(found: Foreground) -> Array:
    """Unweighted mean of the foreground's voxel indices, shape (1, 3)."""
    means = []
    for axis, start in enumerate(found.start):
        others = tuple(a for a in range(3) if a != axis)
        counts = np.count_nonzero(found.inside, axis=others)
        positions = np.arange(counts.size)
        means.append(start + int((counts * positions).sum()) / found.voxel_count)
    return np.array([means])


def in_mm(index: Array, affine: Array) -> Array:
    """Voxel indices (n, 3) to mm, without the offset; written out: no BLAS."""
    x, y, z = index.T
    rows = affine[:3, :3].tolist()
    return np.stack([a * x + b * y + c * z for a, b, c in rows], axis=1)


def touches_border(found: Foreground | None, size: tuple[int, ...]) -> bool:
    """Whether a foreground voxel lies at index 0 or size-1 of any axis."""
    if found is None:
        return False
    first, last = found.box
    return 0 in first or any(b == n - 1 for b, n in zip(last, size, strict=True))
