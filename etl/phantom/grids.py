"""Grids, and what is decided about a case before anything is drawn.

Frame of a case: x, y, z in mm along array axes 0, 1, 2, from the centre of voxel (0, 0, 0).
Array axes point to posterior, superior and right, as in the real release.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import SupportsFloat

import numpy as np
from numpy.typing import NDArray

Vector = tuple[float, float, float]
Line = NDArray[np.float64]
Box = tuple[slice, slice, slice]  # of an array in z, y, x order

DEMO = "demo"
FULL = "full"
SCALES = (DEMO, FULL)

PUBLIC_CASES = 163
FIRST_NUMBER = 9001

# The breast is half an ellipsoid on the chest wall: centre and radii as shares of the extent.
BREAST_CENTRE: Vector = (0.74, 0.5, 0.5)
BREAST_RADII: Vector = (0.62, 0.44, 0.47)

_SMALL_GEOMETRIES: tuple[tuple[int, float, int, float], ...] = (
    # columns = rows, their spacing, slices, their spacing
    (256, 0.703125, 42, 2.0),
    (192, 0.9375, 46, 1.8),
    (256, 0.7109375, 36, 2.34),
    (256, 0.705078125, 56, 1.5),  # 180.5 mm: half up gives 181, banker's rounding 180
    (320, 0.5625, 30, 2.8),
    (200, 0.9, 28, 3.0),
    (256, 0.71875, 38, 2.2),
)
# Quantile functions of scale `full`: (rank of 0..162, value). Minimum, median and maximum are
# the public card's; between them most cases lie near the median, as scanner protocols do.
_IN_PLANE = ((0, 180), (4, 180), (5, 190), (24, 190), (25, 200), (135, 200), (136, 220),
             (150, 220), (151, 240), (158, 240), (159, 260), (161, 280), (162, 300))  # fmt: skip
_SLICES = ((0, 83), (10, 100), (40, 120), (81, 132), (120, 140), (150, 160), (158, 200),
           (161, 280), (162, 384))  # fmt: skip
_VOXELS = ((0, 411), (20, 2200), (81, 13470), (140, 60000), (158, 180000), (162, 486158))
_USUAL_SLICES = (58, 60, 62, 64)  # sagittal protocols have about sixty
_USUAL_DEPTH_MM = (110, 150)
_USUAL_SPACING_MM = 2.1
_CENTRAL = 45
_EARLY_CASES = 8
_SMALL_VOLUMES = (600.0, 40000.0)


class Draw(IntEnum):
    """Independent random streams of one case; the number is part of the seed."""

    PLAN = 0
    LESION = 1
    TISSUE = 2
    ZSCORED = 3
    N3 = 4
    FEATURES = 5
    CLINICAL = 6
    RANKS = 7
    PLANTED = 8
    ACQUISITIONS = 20


@dataclass(frozen=True, slots=True)
class Grid:
    """A voxel grid: size, spacing (mm) and the RAS+ position of voxel (0, 0, 0) (mm)."""

    size: tuple[int, int, int]
    spacing: Vector
    origin: Vector

    @property
    def voxel_volume(self) -> float:
        """Volume of a voxel in mm3."""
        return math.prod(self.spacing)

    @property
    def extent(self) -> Vector:
        """Distance in mm from the first to the last voxel centre of each axis."""
        return make_vector((n - 1) * s for n, s in zip(self.size, self.spacing, strict=True))

    def to_world(self, point: Vector) -> Vector:
        """Return the RAS+ position in mm of a point in the frame of the case."""
        r, a, s = self.origin
        return r + point[2], a - point[0], s + point[1]

    @property
    def box(self) -> Box:
        """The box of all voxels."""
        x, y, z = map(slice, (0, 0, 0), self.size)
        return z, y, x

    def list_centres(self, box: Box) -> tuple[Line, Line, Line]:
        """Return voxel centres of a box along z, y and x, in the frame of the case, mm."""
        z, y, x = (
            np.arange(part.start, part.stop, dtype=np.float64) * spacing
            for part, spacing in zip(box, self.spacing[::-1], strict=True)
        )
        return z, y, x


@dataclass(frozen=True, slots=True)
class Plan:
    """What is decided about a case beforehand. `voxels` is the expert mask's count at 1 mm."""

    number: int
    seed: int
    native: Grid
    fine: Grid
    is_right: bool
    is_stretched: bool
    voxels: int

    @property
    def case_id(self) -> str:
        """Id as the files spell it."""
        return f"ISPY1_{self.number}"

    def make_stream(self, draw: Draw) -> np.random.Generator:
        """Return the random stream of one purpose; no stream depends on another."""
        return make_stream(self.seed, self.number, draw)


def make_stream(seed: int, number: int, draw: Draw) -> np.random.Generator:
    """Return the random stream of a subject and a purpose, whatever else is drawn."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, number, int(draw)])))


def make_vector(numbers: Iterable[SupportsFloat]) -> Vector:
    """Return three numbers, of numpy perhaps, as numbers of Python."""
    x, y, z = map(float, numbers)
    return x, y, z


def is_one_in(number: int, period: int, at: int) -> bool:
    """Return whether a subject, one in `period`, has a certain oddity."""
    return (number - FIRST_NUMBER) % period == at


def plan(index: int, seed: int, scale: str) -> Plan:
    """Decide about case `index` (from 0). It does not depend on how many cases there are."""
    number = FIRST_NUMBER + index
    rng = make_stream(seed, number, Draw.PLAN)
    if scale == FULL:
        columns, in_plane, slices, between, voxels = _draw_full_case(index, seed, rng)
    else:
        columns, in_plane, slices, between = _SMALL_GEOMETRIES[index % len(_SMALL_GEOMETRIES)]
        low, high = np.log(_SMALL_VOLUMES)
        voxels = round(float(np.exp(rng.uniform(low, high))))
    is_right = (index // 2 + seed) % 2 == 1
    native = _make_native_grid(
        (columns, columns, slices), (in_plane, in_plane, between), is_right, rng
    )
    return Plan(
        number=number,
        seed=seed,
        native=native,
        fine=_make_millimetre_grid(native),
        is_right=is_right,
        is_stretched=index % 2 == 0,
        voxels=voxels,
    )


def _make_native_grid(
    size: tuple[int, int, int],
    spacing: Vector,
    is_right: bool,  # noqa: FBT001  a fact of the case
    rng: np.random.Generator,
) -> Grid:
    # A header holds float32, so the grid is made of float32 numbers from the start.
    x, y, z = make_vector(np.float32(s) for s in spacing)
    width = (size[2] - 1) * z
    inner = float(rng.integers(300, 500)) / 10
    r = inner if is_right else -inner - width
    a = size[0] * x / 2 + float(rng.integers(-150, 300)) / 10
    s = -size[1] * y / 2 + float(rng.integers(-200, 200)) / 10
    return Grid(size, (x, y, z), make_vector(np.float32(v) for v in (r, a, s)))


def _make_millimetre_grid(native: Grid) -> Grid:
    x, y, z = (math.floor(n * s + 0.5) for n, s in zip(native.size, native.spacing, strict=True))
    return Grid((x, y, z), (1.0, 1.0, 1.0), native.origin)


def _draw_full_case(
    index: int, seed: int, rng: np.random.Generator
) -> tuple[int, float, int, float, int]:
    plane_rank, slice_rank, volume_rank = _draw_ranks(index, seed)
    extent = round(_find_quantile(_IN_PLANE, plane_rank)) + float(
        rng.choice([-0.5, -0.25, 0.0, 0.25])
    )
    depth = round(_find_quantile(_SLICES, slice_rank))
    slices = int(rng.choice(_USUAL_SLICES))
    if not _USUAL_DEPTH_MM[0] <= depth <= _USUAL_DEPTH_MM[1]:
        slices = round(depth / _USUAL_SPACING_MM)
    logs = tuple((rank, math.log(value)) for rank, value in _VOXELS)
    voxels = round(math.exp(_find_quantile(logs, volume_rank)))
    return 256, extent / 256, slices, depth / slices, voxels


def _find_quantile(knots: tuple[tuple[float, float], ...], rank: int) -> float:
    ranks, values = zip(*knots, strict=True)
    return float(np.interp(rank, ranks, values))


def _draw_ranks(index: int, seed: int) -> tuple[int, int, int]:
    """Return ranks of one case among the 163: in-plane size, number of slices, volume.

    Each is a permutation, so that 163 cases take every rank once. The first cases take central
    ranks: a handful of cases then looks like the bulk of the release. Volume follows the slices
    within blocks, so that a large tumour gets a grid that holds it.
    """
    rng = make_stream(seed, 0, Draw.RANKS)
    plane, slices = _draw_permutation(rng), _draw_permutation(rng)
    block = 41
    volume_of = np.concatenate(
        [
            rng.permutation(np.arange(start, min(start + block, PUBLIC_CASES)))
            for start in range(0, PUBLIC_CASES, block)
        ]
    )
    at = index % PUBLIC_CASES
    return int(plane[at]), int(slices[at]), int(volume_of[slices[at]])


def _draw_permutation(rng: np.random.Generator) -> NDArray[np.int64]:
    everything = rng.permutation(PUBLIC_CASES)
    is_central = np.abs(everything - PUBLIC_CASES // 2) <= _CENTRAL
    first = everything[is_central][:_EARLY_CASES]
    return np.concatenate([first, everything[~np.isin(everything, first)]])
