"""What a mask holds: foreground, box, components, centroid, digest."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import cc3d
import numpy as np

from etl.measure.arrays import Array

Step = tuple[int, int, int]

# To one of each two opposite neighbours of a voxel: 13 of 26, in ascending order.
DIRECTIONS: tuple[Step, ...] = tuple(
    (x, y, z) for x, y, z in product((-1, 0, 1), repeat=3) if (x, y, z) > (0, 0, 0)
)
MAX_STORED_VALUES = 16
MAX_SLOPE = 1e280  # below it no stored integer of 64 bits scales to infinity
HEADER_ROUNDING = 2.0**-22  # slope and intercept are float32: half a unit each, doubled


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

    @property
    def slices(self) -> tuple[slice, ...]:
        """The box as a part of the grid."""
        return tuple(slice(s, s + n) for s, n in zip(self.start, self.inside.shape, strict=True))


def find_foreground(voxels: Array, slope: float = 1.0, inter: float = 0.0) -> tuple[Array, int]:
    """Return where the scaled value is finite and not 0, and how many are not finite.

    Without an intercept a scaled value is 0 where the stored one is: nothing is computed. With
    one, what lies within the rounding of the header is 0 (a float mask written under an integer
    header: 0 and 1 are stored as -32768 and 32767).

    Args:
        voxels: stored values, shape (x, y, z), integer or float.
        slope: NIfTI scl_slope, 1 for none.
        inter: NIfTI scl_inter, 0 for none.
    """
    is_float = voxels.dtype.kind == "f"
    if not inter and (slope == 1 or (not is_float and abs(slope) < MAX_SLOPE)):
        scaled, bits = voxels, voxels != 0
    else:
        scaled = _scale(voxels, slope, inter)
        bits = ~_is_zero(scaled, voxels.dtype, slope, inter) if inter else voxels != 0
        is_float = True
    if not is_float or np.isfinite((scaled.min(), scaled.max())).all():  # no array for each voxel
        return bits, 0
    finite = np.isfinite(scaled)
    n_nonfinite = voxels.size - int(np.count_nonzero(finite))
    if n_nonfinite:
        bits &= finite
    return bits, n_nonfinite


def _scale(stored: Array, slope: float, inter: float) -> Array:
    """Return scaled values of stored ones, float64; too large a product is infinite."""
    with np.errstate(over="ignore", invalid="ignore"):
        scaled: Array = stored.astype(np.float64) * slope + inter
    return scaled


def _is_zero(scaled: Array, dtype: np.dtype[Any], slope: float, inter: float) -> Array:
    """Return whether scaled values are 0 within half an integer's step and the header's float32."""
    step = abs(slope) / 2 if dtype.kind != "f" else 0.0
    is_zero: Array = np.abs(scaled) <= max(step, abs(inter) * HEADER_ROUNDING)
    return is_zero


def apply_rule(voxels: Array, slope: float, inter: float, kind: str, numbers: list[float]) -> Array:
    """Return where the scaled value follows a rule; never where it is not finite.

    Args:
        voxels: stored values, shape (x, y, z).
        slope: NIfTI scl_slope, 1 for none.
        inter: NIfTI scl_inter, 0 for none.
        kind: `threshold` (at least the number) or `labels` (one of the numbers, within the
            rounding of float32, in which headers hold slope and intercept).
        numbers: one, or the labels.
    """
    scaled = _scale(voxels, slope, inter)
    bits = np.zeros(voxels.shape, dtype=bool, order="F")
    for number in numbers:
        near = max(abs(number), abs(inter)) * HEADER_ROUNDING
        bits |= scaled >= number if kind == "threshold" else np.abs(scaled - number) <= near
    return bits & np.isfinite(scaled)


def crop(bits: Array) -> Foreground | None:
    """Return the foreground in its box, or None where there is none.

    Args:
        bits: bool, shape (x, y, z).
    """
    if not bits.any():
        return None
    z0, z1 = _find_ends(bits, (0, 1))  # z is the slowest axis in memory: the cheap one first
    part = bits[:, :, z0:z1]
    y0, y1 = _find_ends(part, (0, 2))
    part = part[:, y0:y1]
    x0, x1 = _find_ends(part, (1, 2))
    inside = part[x0:x1]
    return Foreground(inside, (x0, y0, z0), int(np.count_nonzero(inside)))


def _find_ends(bits: Array, axes: tuple[int, int]) -> tuple[int, int]:
    """Return first and past-last index of the foreground along the axis not in `axes`."""
    where = np.flatnonzero(bits.any(axis=axes))
    return int(where[0]), int(where[-1]) + 1


def place(foreground: Foreground | None, box: tuple[slice, ...]) -> Array:
    """Return a foreground in a part of its grid that holds it, bool, Fortran order."""
    bits = np.zeros([part.stop - part.start for part in box], bool, order="F")
    if foreground:
        ends = zip(foreground.slices, box, strict=True)
        bits[tuple(slice(s.start - b.start, s.stop - b.start) for s, b in ends)] = foreground.inside
    return bits


def list_stored_values(
    voxels: Array, foreground: Foreground | None, inter: float = 0.0
) -> list[float] | None:
    """Return the distinct finite stored values, ascending; None past 16 (no mask any more).

    Without an intercept only the box is searched: outside it all is 0 or not finite.
    """
    values: set[float] = set()
    inside = voxels[np.isfinite(voxels)] if inter else np.empty(0, voxels.dtype)
    if not inter and (foreground is None or foreground.voxel_count < voxels.size):
        values.add(0.0)
    if not inter and foreground is not None:
        inside = voxels[foreground.slices][foreground.inside]
    distinct = np.unique(inside)
    if distinct.size > MAX_STORED_VALUES:
        return None
    values.update(map(float, distinct))
    return sorted(values) if len(values) <= MAX_STORED_VALUES else None


def scale_values(
    stored: list[float] | None, dtype: np.dtype[Any], slope: float, inter: float
) -> list[float] | None:
    """Return stored values scaled, ascending: background is 0, infinities are left out."""
    if stored is None:
        return None
    scaled = _scale(np.array(stored), slope, inter)
    if inter:
        scaled[_is_zero(scaled, dtype, slope, inter)] = 0.0
    return sorted(set(scaled[np.isfinite(scaled)].tolist()))


def digest_voxels(bits: Array) -> str:
    """Return 32 hex digits of size and foreground, whatever the dtype or packing."""
    digest = hashlib.blake2b(repr(tuple(bits.shape)).encode(), digest_size=16)
    digest.update(np.packbits(bits.ravel(order="F")).tobytes())
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Components:
    """Face-connected components; `largest` is the foreground of the largest one in its box."""

    count: int
    largest: Foreground


def find_components(foreground: Foreground) -> Components:
    """Return face-connected components of a foreground. Ties: the one that is met first."""
    labels, count = cc3d.connected_components(foreground.inside, connectivity=6, return_N=True)
    if count == 1:
        return Components(1, foreground)
    sizes = np.bincount(labels.ravel(order="K"))
    sizes[0] = 0
    label = _choose_first_label(labels, sizes == sizes.max())
    return Components(int(count), _extract_component(labels, label, foreground.start))


def _choose_first_label(labels: Array, is_tied: Array) -> int:
    """Return the tied label met first in x, y, z order: a label's number depends on the scan.

    One plane at a time: thousands of single voxels tie in a noisy mask.
    """
    planes = (plane[is_tied[plane]] for plane in labels)
    return int(next(plane[0] for plane in planes if plane.size))


def _extract_component(labels: Array, label: int, origin: tuple[int, int, int]) -> Foreground:
    """Return one component in the mask; `origin` is the voxel index of the labels' corner."""
    part = crop(labels == label)
    if part is None:
        message = f"label {label} is empty"
        raise ValueError(message)
    x, y, z = (a + b for a, b in zip(origin, part.start, strict=True))
    return replace(part, start=(x, y, z))


def find_surface(inside: Array) -> Array:
    """Return the foreground voxels with a face neighbour in the background: bool, its shape.

    What lies outside the array is background.
    """
    core = inside.copy(order="K")
    for axis in range(3):
        along, to = np.moveaxis(inside, axis, 0), np.moveaxis(core, axis, 0)
        to[1:] &= along[:-1]
        to[:-1] &= along[1:]
        to[[0, -1]] = False
    return inside & ~core


def find_centroid(foreground: Foreground) -> Array:
    """Return the unweighted mean of the foreground's voxel indices, shape (1, 3)."""
    means = []
    for axis, start in enumerate(foreground.start):
        axes = tuple(a for a in range(3) if a != axis)
        counts = np.count_nonzero(foreground.inside, axis=axes)
        positions = np.arange(counts.size)
        means.append(start + int((counts * positions).sum()) / foreground.voxel_count)
    return np.array([means])


def touches_border(foreground: Foreground | None, size: tuple[int, ...]) -> bool:
    """Return whether a foreground voxel lies at index 0 or size-1 of any axis."""
    if foreground is None:
        return False
    first, last = foreground.box
    return 0 in first or any(b == n - 1 for b, n in zip(last, size, strict=True))
