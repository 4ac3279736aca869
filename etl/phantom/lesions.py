"""The tumour of a case, and what three readers made of it.

Bodies of a mask lie apart by more than a slice, and each is in one piece on its grid: drawn,
checked, and drawn again where not. So the number of bodies is the number of components.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from scipy import ndimage

from etl.model.errors import UserError
from etl.phantom import shapes
from etl.phantom.grids import BREAST_CENTRE, BREAST_RADII, Draw, Grid, Plan, Vector, make_vector
from etl.phantom.shapes import Body, Lobe, Solid

T = TypeVar("T")

_ATTEMPTS = 400
_PLACES = 60
_GAP_MM = 3.0
_GAP_SLICES = 1.7
_EDGE_VOXELS = 3
_SKIN_MM = 3.0
_VOXELS_PER_SPECK = 400  # specks never outweigh the tumour
_CLOSE = 0.015  # voxel volume against analytic volume; the promise is 0.02
_PRECISE_MM3 = 1000.0
_PUBLISHED = 0.06  # volume on the native grid against 1 mm; the contract is 0.10
_SATELLITES_FROM_MM3 = 1500.0
_SMALLEST_RADIUS = 2.6


@dataclass(frozen=True, slots=True)
class Lesion:
    """The three masks as solids, and every body that enhances."""

    manual: Solid
    resunet: Solid
    ftv: Solid
    enhancing: Solid


class _Redraw(Exception):  # noqa: N818  control flow of a rejection loop, not an error
    """The draw does not meet its conditions."""


def draw(plan: Plan) -> Lesion:
    """Draw the lesion of a case; the expert mask has `plan.voxels` voxels at 1 mm."""
    rng = plan.make_stream(Draw.LESION)
    manual = _retry(lambda: _draw_manual(plan, rng), plan)
    resunet = _retry(lambda: _draw_resunet(plan, manual, rng), plan)
    ftv, outside = _retry(lambda: _draw_ftv(plan, manual, rng), plan)
    return Lesion(manual, resunet, ftv, manual + outside)


def _retry(attempt: Callable[[], T], plan: Plan) -> T:
    for _ in range(_ATTEMPTS):
        try:
            return attempt()
        except _Redraw:
            continue
    message = (
        f"{plan.case_id}: no tumour of {plan.voxels} voxels fits a grid of "
        f"{plan.fine.size} after {_ATTEMPTS} draws. Choose another seed."
    )
    raise UserError(message)


def _draw_manual(plan: Plan, rng: np.random.Generator) -> Solid:
    """Draw a lobulated main body, in some cases with satellites."""
    main = shapes.fit_volume(_draw_lobulated(plan, rng), plan.voxels * 0.97)
    solid: Solid = (main,)
    if plan.voxels > _SATELLITES_FROM_MM3:
        radius = min(5.0, 0.45 * (plan.voxels * 0.24) ** (1 / 3))
        solid = _add_ellipsoids(plan, solid, int(rng.choice([0, 0, 1, 1, 2, 3])), radius, rng)
    rest = sum(part.count for part in shapes.paint_patches(solid[1:], plan.fine))
    solid = (shapes.fit_count(main, plan.fine, plan.voxels - rest), *solid[1:])
    _check(solid, plan, plan.fine)
    _check(solid, plan, plan.native)
    return solid


def _draw_resunet(plan: Plan, manual: Solid, rng: np.random.Generator) -> Solid:
    """Draw the network's reading: moved, swollen or shrunk, satellites lost, specks added."""
    main = _draw_variant(manual[0], (0.92, 1.10), rng)
    satellites = tuple(body for body in manual[1:] if rng.random() < 0.5)  # noqa: PLR2004  half
    n_specks = min(int(rng.integers(0, 9)), plan.voxels // _VOXELS_PER_SPECK)
    solid = _add_ellipsoids(plan, (main, *satellites), n_specks, 3.4, rng)
    _check(solid, plan, plan.fine)
    return solid


def _draw_ftv(plan: Plan, manual: Solid, rng: np.random.Generator) -> tuple[Solid, Solid]:
    """Draw the functional volume: a smaller main body, satellites, and foci the expert left out."""
    main = _draw_variant(manual[0], (0.86, 0.97), rng)
    n_outside = int(rng.choice([0, 0, 1, 2]))
    everything = _add_ellipsoids(plan, manual, n_outside, 4.0, rng)
    outside = everything[len(manual) :]
    solid = (main, *manual[1:], *outside)
    _check(solid, plan, plan.native)
    return solid, outside


def _draw_lobulated(plan: Plan, rng: np.random.Generator) -> Body:
    share = (rng.uniform(0.38, 0.52), rng.uniform(0.42, 0.58), rng.uniform(0.44, 0.56))
    centre = make_vector(np.multiply(share, plan.native.extent))
    lobes = tuple(_draw_lobe(rng) for _ in range(int(rng.integers(4, 8))))
    radii = (1.0, float(rng.uniform(0.82, 1.12)), float(rng.uniform(0.82, 1.05)))
    return Body(centre, radii, lobes)


def _draw_lobe(rng: np.random.Generator) -> Lobe:
    return _draw_direction(rng), float(rng.uniform(-0.12, 0.36))


def _draw_direction(rng: np.random.Generator) -> Vector:
    vector = rng.standard_normal(3)
    return make_vector(vector / np.sqrt(np.sum(vector * vector)))


def _draw_variant(body: Body, size: tuple[float, float], rng: np.random.Generator) -> Body:
    """Draw another reading of the same body: moved by a millimetre, resized, lobes changed."""
    centre = make_vector(body.centre + rng.uniform(-1.0, 1.0, 3))
    lobes = tuple((d, h + float(rng.uniform(-0.07, 0.07))) for d, h in body.lobes)
    return shapes.scale(Body(centre, body.radii, lobes), float(rng.uniform(*size)))


def _add_ellipsoids(
    plan: Plan, solid: Solid, n: int, largest: float, rng: np.random.Generator
) -> Solid:
    """Add up to `n` ellipsoids apart from all bodies; those that find no place are left out."""
    for _ in range(n):
        for _ in range(_PLACES):
            body = _draw_ellipsoid(plan, solid[0], largest, rng)
            is_apart = all(_are_apart(body, neighbour, plan) for neighbour in solid)
            if is_apart and _is_inside(body, plan) and _is_in_breast(body, plan):
                solid = (*solid, body)
                break
    return solid


def _draw_ellipsoid(plan: Plan, main: Body, largest: float, rng: np.random.Generator) -> Body:
    radii = make_vector(rng.uniform(_SMALLEST_RADIUS, max(largest, 2.8), 3))
    reach = shapes.measure(main).reach
    distance = reach + max(radii) + _measure_gap(plan) + rng.uniform(0.5, 14.0)
    return Body(make_vector(main.centre + distance * np.array(_draw_direction(rng))), radii)


def _measure_gap(plan: Plan) -> float:
    return max(_GAP_MM, _GAP_SLICES * max(plan.native.spacing))


def _are_apart(first: Body, second: Body, plan: Plan) -> bool:
    # Bounding spheres: a sufficient condition, cheap and exact.
    apart = np.linalg.norm(np.subtract(first.centre, second.centre))
    need = shapes.measure(first).reach + shapes.measure(second).reach + _measure_gap(plan)
    return bool(apart > need)


def _is_inside(body: Body, plan: Plan) -> bool:
    reach = shapes.measure(body).reach
    extents = [plan.native.extent, plan.fine.extent]
    for axis in range(3):
        edge = reach + _EDGE_VOXELS * max(plan.native.spacing[axis], 1.0)
        last = min(extent[axis] for extent in extents)
        if not edge <= body.centre[axis] <= last - edge:
            return False
    return True


def _is_in_breast(body: Body, plan: Plan) -> bool:
    """Return whether a body lies in tissue: air has no signal, so no enhancement either."""
    reach = shapes.measure(body).reach + _SKIN_MM
    level = 0.0
    for axis, extent in enumerate(plan.native.extent):
        offset = body.centre[axis] - BREAST_CENTRE[axis] * extent
        level += (offset / (BREAST_RADII[axis] * extent - reach)) ** 2
    return level <= 1


def _check(solid: Solid, plan: Plan, grid: Grid) -> None:
    """Check that bodies lie in the grid, in one piece, the first largest, the volume close."""
    if not all(_is_inside(body, plan) for body in solid):
        raise _Redraw
    parts = shapes.paint_patches(solid, grid)
    counts = [part.count for part in parts]
    if any(ndimage.label(part.inside)[1] != 1 for part in parts):
        raise _Redraw
    if any(count >= counts[0] for count in counts[1:]):
        raise _Redraw
    volume, _ = shapes.measure_solid(solid)
    measured = sum(counts) * grid.voxel_volume
    limit = _CLOSE if max(volume, measured) > _PRECISE_MM3 else _PUBLISHED
    if abs(measured - volume) > limit * volume:
        raise _Redraw
