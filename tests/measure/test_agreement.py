"""Agreement of two masks against cases done by hand, MedPy, and brute force over all pairs."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from support import FINE_AFFINE, Array, ball, psr

from etl.measure.agreement import Agreement, measure_agreement, measure_surface_distances
from etl.measure.mask import crop, find_surface
from measure.by_hand import agree_by_hand
from measure.shapes import affines, masks, sizes, turned, turns

pairs = sizes.flatmap(
    lambda size: st.tuples(hnp.arrays(bool, size), hnp.arrays(bool, size))
).filter(lambda pair: bool(pair[0].any() and pair[1].any()))
NO_LIMIT = 1 << 30
SWAPPED = {
    "a_inside_b_fraction": "b_inside_a_fraction",
    "b_inside_a_fraction": "a_inside_b_fraction",
}


def agreement(a: Array, b: Array, affine: Array = FINE_AFFINE) -> Any:  # noqa: ANN401  no None here
    found = measure_agreement(crop(a), crop(b), affine, NO_LIMIT)
    assert found is not None
    return found


def values(a: Array, b: Array, affine: Array = FINE_AFFINE) -> dict[str, float]:
    return asdict(agreement(a, b, affine))


def bits(size: tuple[int, int, int], *voxels: tuple[int, int, int]) -> Array:
    found = np.zeros(size, bool)
    for voxel in voxels:
        found[voxel] = True
    return found


# --- by hand -----------------------------------------------------------------------------------


def test_two_bars() -> None:
    """Three voxels in a row, and the same one further: every voxel is a surface voxel."""
    a = bits((6, 3, 3), (1, 1, 1), (2, 1, 1), (3, 1, 1))
    b = bits((6, 3, 3), (2, 1, 1), (3, 1, 1), (4, 1, 1))
    assert values(a, b, psr((0.5, 1.0, 2.0))) == pytest.approx(
        {
            "dice": 4 / 6,
            "jaccard": 2 / 4,
            "hausdorff_mm": 0.5,
            "hausdorff95_mm": 0.45,  # of 0, 0, 0.5: 0.9 of the way to the last
            "assd_mm": 1 / 6,
            "centroid_distance_mm": 0.5,
            "a_inside_b_fraction": 2 / 3,
            "b_inside_a_fraction": 2 / 3,
        }
    )


def test_a_hollow_is_a_surface_and_the_inside_is_none() -> None:
    """A cube of 5 has 125 - 27 surface voxels; with its middle gone, six more."""
    cube = np.zeros((9, 9, 9), bool)
    cube[2:7, 2:7, 2:7] = True
    assert find_surface(cube).sum() == 98
    hollow = cube.copy()
    hollow[4, 4, 4] = False
    assert find_surface(hollow).sum() == 104
    found = agreement(cube, hollow)
    assert (found.b_inside_a_fraction, found.a_inside_b_fraction) == (1, 124 / 125)
    assert found.hausdorff_mm == 1  # from the hollow's wall to the cube's outside
    assert found.assd_mm == pytest.approx(6 / (98 + 104))
    assert found.hausdorff95_mm == pytest.approx(0.85)  # at 0.95 * 103: 0.85 of the way to a 1
    assert found.centroid_distance_mm == 0


def test_the_edge_of_the_grid_is_a_surface() -> None:
    full = np.ones((4, 4, 4), bool)
    assert find_surface(full).sum() == 64 - 8


def test_neighbours_across_an_edge_or_a_corner_do_not_count() -> None:
    """A voxel whose six face neighbours are foreground is inside, whatever its corners are."""
    cross = bits((3, 3, 3), (1, 1, 1), (0, 1, 1), (2, 1, 1), (1, 0, 1), (1, 2, 1), (1, 1, 0))
    cross[1, 1, 2] = True
    assert not find_surface(cross)[1, 1, 1]
    assert find_surface(cross).sum() == 6


def test_the_larger_of_two_directed_distances() -> None:
    """One voxel against a bar of ten: 0 in one direction, 9 voxels in the other."""
    a = bits((10, 1, 1), (0, 0, 0))
    b = np.ones((10, 1, 1), bool)
    found = agreement(a, b)
    assert (found.hausdorff_mm, agreement(b, a).hausdorff_mm) == (9, 9)
    assert found.hausdorff95_mm == pytest.approx(8.55)  # of 0..9 alone, not pooled with a's 0
    assert found.assd_mm == pytest.approx(45 / 11)


@given(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3), affines)
def test_a_moved_ball(x: int, y: int, z: int, affine: Array) -> None:
    one, other = ball((14, 14, 14), (5, 5, 5), 4), ball((14, 14, 14), (5 + x, 5 + y, 5 + z), 4)
    moved = math.hypot(*(affine[:3, :3] @ np.array([x, y, z])))
    found = agreement(one, other, affine)
    assert found.centroid_distance_mm == pytest.approx(moved, abs=1e-9)
    assert found.hausdorff_mm <= moved + 1e-9  # every surface voxel has its own moved one
    if not moved:
        assert found == Agreement(1, 1, 0, 0, 0, 0, 1, 1)


def test_an_empty_mask_agrees_with_nothing() -> None:
    empty, full = np.zeros((3, 3, 3), bool), np.ones((3, 3, 3), bool)
    for a, b in ((empty, full), (full, empty), (empty, empty)):
        assert measure_agreement(crop(a), crop(b), FINE_AFFINE, NO_LIMIT) is None


def test_masks_far_apart() -> None:
    a, b = bits((50, 40, 30), (0, 0, 0)), bits((50, 40, 30), (49, 39, 29))
    found = agreement(a, b)
    far = math.hypot(49, 39, 29)
    assert (found.dice, found.jaccard, found.a_inside_b_fraction) == (0, 0, 0)
    assert found.hausdorff_mm == found.centroid_distance_mm == pytest.approx(far)
    assert found.assd_mm == found.hausdorff95_mm == pytest.approx(far)


# --- against other code ------------------------------------------------------------------------


@given(pairs, affines)
def test_distances_against_every_pair_of_voxels(pair: tuple[Array, Array], affine: Array) -> None:
    """The definitions, written out; the affines are oblique, sheared and mirrored."""
    assert values(*pair, affine) == pytest.approx(agree_by_hand(*pair, affine), abs=1e-9)


_AWAY = st.tuples(*[st.floats(-3, 3)] * 3)
_SPACING = st.tuples(*[st.floats(0.4, 3)] * 3)


@given(_AWAY, st.floats(1, 6), st.floats(1, 6), _SPACING)
def test_against_medpy(
    away: tuple[float, ...], one: float, other: float, spacing: tuple[float, float, float]
) -> None:
    """MedPy pools both directions for its own hd95: here its directed distances are taken."""
    metric: Any = pytest.importorskip("medpy.metric.binary", reason="MedPy is not installed")
    a = ball((15, 16, 17), (7, 8, 8), one)
    b = ball((15, 16, 17), tuple(c + d for c, d in zip((7, 8, 8), away, strict=True)), other)
    found = agreement(a, b, psr(spacing))
    directed = metric.__dict__["__surface_distances"]
    there, back = (np.sort(directed(*order, spacing)) for order in ((a, b), (b, a)))
    ours = measure_surface_distances(find_surface(a), find_surface(b), psr(spacing))
    np.testing.assert_allclose(ours[0], there, atol=1e-9)
    np.testing.assert_allclose(ours[1], back, atol=1e-9)
    assert found.dice == pytest.approx(metric.dc(a, b))
    assert found.jaccard == pytest.approx(metric.jc(a, b))
    assert found.hausdorff_mm == pytest.approx(metric.hd(a, b, spacing))
    assert found.hausdorff95_mm == pytest.approx(max(np.percentile(d, 95) for d in (there, back)))
    assert found.assd_mm == pytest.approx(np.concatenate([there, back]).mean())
    assert found.a_inside_b_fraction == pytest.approx(metric.recall(b, a))
    assert found.b_inside_a_fraction == pytest.approx(metric.precision(b, a))


# --- laws --------------------------------------------------------------------------------------


@given(pairs, affines)
def test_order_matters_to_the_shares_alone(pair: tuple[Array, Array], affine: Array) -> None:
    there, back = values(pair[0], pair[1], affine), values(pair[1], pair[0], affine)
    assert there == {name: back[SWAPPED.get(name, name)] for name in back}


@given(pairs, affines)
def test_bounds_and_relations(pair: tuple[Array, Array], affine: Array) -> None:
    found = agreement(*pair, affine)
    assert found.dice == pytest.approx(2 * found.jaccard / (1 + found.jaccard))
    assert 0 <= found.jaccard <= found.dice <= 1
    assert found.dice <= max(found.a_inside_b_fraction, found.b_inside_a_fraction)
    assert 0 <= found.hausdorff95_mm <= found.hausdorff_mm
    assert 0 <= found.assd_mm <= found.hausdorff_mm
    assert (found.dice == 1) == bool((pair[0] == pair[1]).all())


@given(masks, affines)
def test_a_mask_agrees_with_itself(mask: Array, affine: Array) -> None:
    assert agreement(mask, mask.copy(), affine) == Agreement(1, 1, 0, 0, 0, 0, 1, 1)


@given(pairs, affines, turns)
def test_nothing_depends_on_order_or_direction_of_the_axes(
    pair: tuple[Array, Array],
    affine: Array,
    turn: tuple[tuple[int, ...], tuple[bool, ...]],
) -> None:
    (a, moved), (b, _) = (turned(one, affine, *turn) for one in pair)
    assert values(a, b, moved) == pytest.approx(values(*pair, affine), abs=1e-9)


@given(pairs, affines)
def test_nothing_depends_on_the_origin_or_on_what_is_around(
    pair: tuple[Array, Array], affine: Array
) -> None:
    wider = [np.pad(one, ((2, 1), (0, 3), (1, 0))) for one in pair]
    moved = affine.copy()
    moved[:3, 3] += 1234.5
    assert values(wider[0], wider[1], moved) == pytest.approx(values(*pair, affine), abs=1e-9)


@given(pairs, affines, st.floats(0.1, 10))
def test_distances_scale(pair: tuple[Array, Array], affine: Array, scale: float) -> None:
    larger = values(*pair, affine * scale)
    wanted = {
        name: value * scale if name.endswith("_mm") else value
        for name, value in values(*pair, affine).items()
    }
    assert larger == pytest.approx(wanted, abs=1e-9)


@given(pairs)
def test_memory_order_does_not_matter(pair: tuple[Array, Array]) -> None:
    orders = (np.asfortranarray, np.ascontiguousarray)
    found = [values(order(pair[0]), order(pair[1])) for order in orders]
    assert found[0] == found[1]
