from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from etl.phantom import grids, lesions, shapes
from etl.phantom.grids import Grid
from etl.phantom.shapes import Body

RADIUS = st.floats(4.0, 12.0)
HEIGHT = st.floats(-0.12, 0.36)
ANGLE = st.floats(0, 2 * math.pi)
GRID = Grid((60, 60, 60), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
CENTRE = (29.3, 30.1, 28.8)


def direction(one: float, two: float) -> tuple[float, float, float]:
    return math.cos(one) * math.cos(two), math.sin(one) * math.cos(two), math.sin(two)


@given(RADIUS, RADIUS, RADIUS)
def test_quadrature_of_an_ellipsoid(a: float, b: float, c: float) -> None:
    found = shapes.measure(Body(CENTRE, (a, b, c)))
    assert found.volume == pytest.approx(4 / 3 * math.pi * a * b * c, rel=1e-9)
    assert found.centroid == pytest.approx(CENTRE, abs=1e-9)
    assert found.reach == pytest.approx(max(a, b, c), rel=0.01)


@settings(max_examples=25, deadline=None)
@given(RADIUS, st.lists(st.tuples(ANGLE, ANGLE, HEIGHT), min_size=1, max_size=6))
def test_quadrature_against_counting(radius: float, lobes: list[tuple[float, ...]]) -> None:
    made = tuple((direction(one, two), height) for one, two, height in lobes)
    body = shapes.fit_volume(Body(CENTRE, (radius, radius * 0.9, radius), made), 8000)
    found = shapes.measure(body)
    part = shapes.paint_patches((body,), GRID)[0]
    assert found.volume == pytest.approx(8000)
    assert part.count == pytest.approx(8000, rel=0.02)
    where = np.argwhere(shapes.paint([part], GRID).T).mean(axis=0)
    assert np.allclose(where, found.centroid, atol=0.2)


@settings(max_examples=20, deadline=None)
@given(st.integers(300, 9000), ANGLE, ANGLE)
def test_a_body_is_fitted_to_a_count(count: int, one: float, two: float) -> None:
    body = shapes.fit_volume(Body(CENTRE, (1, 1, 0.9), ((direction(one, two), 0.3),)), count)
    fitted = shapes.fit_count(body, GRID, count)
    assert shapes.paint_patches((fitted,), GRID)[0].count == count


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 60), st.integers(0, 5))
def test_bodies_are_components_on_their_grids(index: int, seed: int) -> None:
    plan = grids.plan(index, seed, "demo")
    lesion = lesions.draw(plan)
    for solid, grid in (
        (lesion.manual, plan.fine),
        (lesion.manual, plan.native),
        (lesion.resunet, plan.fine),
        (lesion.ftv, plan.native),
    ):
        mask = shapes.paint(shapes.paint_patches(solid, grid), grid)
        assert ndimage.label(mask)[1] == len(solid)
    assert (
        shapes.paint(shapes.paint_patches(lesion.manual, plan.fine), plan.fine).sum() == plan.voxels
    )


def test_full_scale_has_the_public_sizes_and_volumes() -> None:
    plans = [grids.plan(index, 1, "full") for index in range(163)]
    sizes = np.array([plan.fine.size for plan in plans])
    assert sizes.min(axis=0).tolist() == [180, 180, 83]
    assert np.median(sizes, axis=0).tolist() == [200, 200, 132]
    assert sizes.max(axis=0).tolist() == [300, 300, 384]
    litres = np.array([plan.voxels for plan in plans]) / 1000
    summary = (litres.min(), np.median(litres), litres.max())
    assert [round(float(value), 2) for value in summary] == [0.41, 13.47, 486.16]


def test_the_largest_tumour_fits_its_grid() -> None:
    plans = [grids.plan(index, 1, "full") for index in range(163)]
    largest = max(plans, key=lambda plan: plan.voxels)
    part = shapes.paint_patches(lesions.draw(largest).manual, largest.fine)
    assert sum(p.count for p in part) == 486158


def test_demo_sizes_are_small_and_differ() -> None:
    sizes = {grids.plan(index, 1, "demo").fine.size for index in range(12)}
    assert len(sizes) >= 4
    assert {size for size in sizes if size[0] == 181}  # 180.5 mm rounds half up
    assert all(180 <= x <= 190 and 83 <= z <= 90 for x, _, z in sizes)
