"""The continuous signal model: S(place, phase) = sum of tissue weight x the tissue's curve.

Weights are smooth in space, so that an image on the native grid and one on the 1 mm grid are
samples of one function. Signals are in model units (fat about 650; air 0).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from etl.phantom import grids, shapes
from etl.phantom.grids import BREAST_CENTRE, BREAST_RADII, Box, Draw, Grid, Plan, Vector
from etl.phantom.lesions import Lesion
from etl.phantom.shapes import Body

Field = NDArray[np.float32]
Curve = tuple[float, float, float]  # signal in the three phases

PHASES = 3
TUMOUR = ("tumour_core", "tumour_rim")
_BACKGROUND = ("fat", "fibroglandular", "muscle", "vessel")
_HALO_MM = 1.5
_SLAB_VOXELS = 1_000_000
_WAVES = 3


@dataclass(frozen=True, slots=True)
class Tissues:
    """All that the signal of a case is made of."""

    extent: Vector
    curves: dict[str, Curve]
    waves: tuple[tuple[Vector, Vector], ...]  # per wave: frequency (rad/mm) and shift (rad)
    vessel: tuple[float, float]  # x and z in mm; it runs along y
    bodies: tuple[Body, ...]


def draw(plan: Plan, lesion: Lesion) -> Tissues:
    """Draw curves, texture and anatomy of a case."""
    rng = plan.make_stream(Draw.TISSUE)
    ex, _, ez = plan.native.extent
    return Tissues(
        extent=plan.native.extent,
        waves=tuple(_draw_wave(rng) for _ in range(_WAVES)),
        curves=_draw_curves(rng),
        vessel=(0.84 * ex, float(rng.uniform(0.35, 0.65)) * ez),
        bodies=lesion.enhancing,
    )


def split_slabs(grid: Grid) -> list[slice]:
    """Return runs of planes along axis 2, each small enough to hold a dozen fields in memory."""
    step = max(1, _SLAB_VOXELS // (grid.size[0] * grid.size[1]))
    return [slice(at, min(at + step, grid.size[2])) for at in range(0, grid.size[2], step)]


def compute_signals(tissues: Tissues, grid: Grid, slab: slice) -> list[Field]:
    """Return the noise-free signal of the three phases in a slab; arrays are z, y, x."""
    fields = _make_background(tissues, grid, slab)
    for body in tissues.bodies:
        _add_tumour(tissues, body, grid, slab, fields)
    return [_blend(tissues, fields, phase) for phase in range(PHASES)]


def _blend(tissues: Tissues, fields: dict[str, Field], phase: int) -> Field:
    names = list(fields)
    total = fields[names[0]] * np.float32(tissues.curves[names[0]][phase])
    for name in names[1:]:
        total += fields[name] * np.float32(tissues.curves[name][phase])
    return total


def _draw_curves(rng: np.random.Generator) -> dict[str, Curve]:
    fat = float(rng.uniform(600, 680))
    gland = float(rng.uniform(230, 300))
    muscle = float(rng.uniform(180, 220))
    return {
        "air": (0.0, 0.0, 0.0),
        "fat": (fat, fat, fat),
        "fibroglandular": (gland, gland * 1.18, gland * 1.30),
        "muscle": (muscle, muscle * 1.10, muscle * 1.15),
        "vessel": (180.0, float(rng.uniform(1420, 1580)), float(rng.uniform(1150, 1240))),
        "tumour_core": _draw_enhancing(rng, (195, 235), (0.55, 1.3), (0.70, 0.93)),
        "tumour_rim": _draw_enhancing(rng, (215, 260), (1.4, 2.6), (1.05, 1.5)),
    }


def _draw_enhancing(
    rng: np.random.Generator,
    before: tuple[float, float],
    enhancement: tuple[float, float],
    ratio: tuple[float, float],
) -> Curve:
    """Draw a curve by S0, PE (a share) and SER: S1 = S0 (1 + PE), S2 = S0 + (S1 - S0) / SER."""
    s0, pe, ser = (float(rng.uniform(*bounds)) for bounds in (before, enhancement, ratio))
    rise = s0 * pe
    return s0, s0 + rise, s0 + rise / ser


def _draw_wave(rng: np.random.Generator) -> tuple[Vector, Vector]:
    frequency = grids.make_vector(2 * np.pi / rng.uniform(14.0, 45.0, 3))
    return frequency, grids.make_vector(rng.uniform(0, 2 * np.pi, 3))


def _make_axes(grid: Grid, box: Box) -> tuple[Field, Field, Field]:
    z, y, x = (line.astype(np.float32) for line in grid.list_centres(box))
    return z[:, None, None], y[None, :, None], x[None, None, :]


def _make_texture(tissues: Tissues, grid: Grid, box: Box) -> Field:
    """Make smooth texture between -1 and 1: a mean of products of one-dimensional waves."""
    lines = grid.list_centres(box)
    total: Field = np.zeros([len(line) for line in lines], np.float32)
    for frequency, shift in tissues.waves:
        z, y, x = (
            np.sin(line * frequency[axis] + shift[axis]).astype(np.float32)
            for axis, line in zip((2, 1, 0), lines, strict=True)
        )
        plane = y[:, None] * x[None, :]
        total += z[:, None, None] * plane[None]
    total *= np.float32(1 / _WAVES)
    return total


def _make_ellipsoid(
    tissues: Tissues, axes: tuple[Field, Field, Field], at: Vector, r: Vector
) -> Field:
    """Return 1 at the centre, 0 on the surface of an ellipsoid, given in shares of the extent."""
    z, y, x = (
        ((line - np.float32(at[axis] * extent)) / np.float32(r[axis] * extent)) ** 2
        for axis, line, extent in zip((2, 1, 0), axes, tissues.extent[::-1], strict=True)
    )
    value: Field = np.float32(1) - (z + y + x)
    return value


def _make_ramp(field: Field, steepness: float, at: float = 0.0) -> Field:
    ramp: Field = (field - np.float32(at)) * np.float32(steepness)
    return np.clip(ramp, 0, 1, out=ramp)


def _make_background(tissues: Tissues, grid: Grid, slab: slice) -> dict[str, Field]:
    """Return weights of breast and chest wall; where all are 0 there is air."""
    box = (slab, *grid.box[1:])
    axes = _make_axes(grid, box)
    z, _, x = axes
    texture = _make_texture(tissues, grid, box)
    ex, _, ez = tissues.extent
    inside = _make_ellipsoid(tissues, axes, BREAST_CENTRE, BREAST_RADII)
    inside = _make_ramp(inside, BREAST_RADII[2] * ez / 4)
    np.maximum(inside, _make_ramp(x, 1 / 3, BREAST_CENTRE[0] * ex), out=inside)
    gland = _make_ellipsoid(tissues, axes, (0.45, 0.5, 0.5), (0.25, 0.28, 0.30))
    gland = _make_ramp(gland + np.float32(0.5) * texture, 4.0)
    muscle = _make_ramp(x, 1 / 4, 0.80 * ex)
    at_x, at_z = (np.float32(share) for share in tissues.vessel)
    distance = np.sqrt((x - at_x) ** 2 + (z - at_z) ** 2)
    vessel = _make_ramp(-distance, 1 / 1.5, -4.5)
    texture = np.float32(1) + np.float32(0.06) * texture
    rest = inside * (np.float32(1) - vessel)
    soft = rest * (np.float32(1) - muscle)
    return {
        "fat": soft * (np.float32(1) - gland) * texture,
        "fibroglandular": soft * gland * texture,
        "muscle": rest * muscle,
        "vessel": inside * vessel,
    }


def _add_tumour(
    tissues: Tissues, body: Body, grid: Grid, slab: slice, fields: dict[str, Field]
) -> None:
    """Put a body in place of what is there; all of a mask's voxels are pure tumour."""
    whole = shapes.find_box(body, grid, _HALO_MM)
    low, high = max(whole[0].start, slab.start), min(whole[0].stop, slab.stop)
    if low >= high:
        return
    box = (slice(low, high), whole[1], whole[2])
    local = (slice(low - slab.start, high - slab.start), whole[1], whole[2])
    level = shapes.compute_depth(body, grid, box).astype(np.float32)
    halo = _HALO_MM / min(body.radii)
    weight = np.float32(1) - _make_ramp(level, 1 / halo, 1.0)
    rim = _make_ramp(level, 1 / 0.6, 0.4)
    rim *= rim * (np.float32(3) - np.float32(2) * rim)
    weight_tissue = weight * (np.float32(1) + np.float32(0.05) * _make_texture(tissues, grid, box))
    for name in _BACKGROUND:
        fields[name][local] *= np.float32(1) - weight
    shape = fields[_BACKGROUND[0]].shape
    for name, share in zip(TUMOUR, (np.float32(1) - rim, rim), strict=True):
        fields.setdefault(name, np.zeros(shape, np.float32))[local] += weight_tissue * share
