"""What a mask holds, against numpy and scipy; and that it does not depend on the axes."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage
from support import Array

from etl.measure.mask import (
    Foreground,
    crop,
    digest_voxels,
    find_centroid,
    find_components,
    find_foreground,
    list_stored_values,
    touches_border,
)
from measure.shapes import affines, masks, sizes, turned, turns


def cropped(bits: Array) -> Foreground:
    found = crop(bits)
    assert found is not None
    return found


@given(masks)
def test_box_and_count_against_numpy(bits: Array) -> None:
    found = cropped(bits)
    where = np.argwhere(bits)
    assert found.box == (tuple(where.min(axis=0)), tuple(where.max(axis=0)))
    assert found.voxel_count == len(where) == int(found.inside.sum())
    back = np.zeros_like(bits)
    back[tuple(slice(s, s + n) for s, n in zip(found.start, found.inside.shape, strict=True))] = (
        found.inside
    )
    np.testing.assert_array_equal(back, bits)
    assert all(isinstance(n, int) for end in found.box for n in end)


@given(sizes)
def test_empty_mask(size: tuple[int, ...]) -> None:
    bits = np.zeros(size, bool)
    assert crop(bits) is None
    assert list_stored_values(bits.astype("f4"), None) == [0.0]
    assert touches_border(None, size) is False


@given(masks)
def test_components_against_scipy(bits: Array) -> None:
    labels, count = ndimage.label(bits)
    largest = np.bincount(labels.ravel())[1:].max()
    found = find_components(cropped(bits))
    assert found.count == count
    assert found.largest.voxel_count == largest == int(found.largest.inside.sum())


@given(masks)
def test_largest_component_is_one_of_the_components(bits: Array) -> None:
    largest = find_components(cropped(bits)).largest
    place = np.zeros_like(bits)
    box = tuple(slice(s, s + n) for s, n in zip(largest.start, largest.inside.shape, strict=True))
    place[box] = largest.inside
    labels, _ = ndimage.label(bits)
    assert len(np.unique(labels[place])) == 1
    assert (labels == labels[place][0]).sum() == place.sum()


@given(masks)
def test_ties_do_not_depend_on_memory_order(bits: Array) -> None:
    picked = [
        find_components(cropped(order(bits))).largest
        for order in (np.asfortranarray, np.ascontiguousarray)
    ]
    assert picked[0].start == picked[1].start
    np.testing.assert_array_equal(picked[0].inside, picked[1].inside)


def test_a_tie_goes_to_the_first_voxel() -> None:
    bits = np.zeros((5, 5, 5), bool)
    bits[4, 0, 0:2] = bits[0, 4, 3:5] = bits[2, 2, 0:2] = True
    found = find_components(cropped(bits))
    assert (found.count, found.largest.voxel_count) == (3, 2)
    assert found.largest.start == (0, 4, 3)


def test_diagonal_neighbours_are_not_connected() -> None:
    bits = np.zeros((2, 2, 2), bool)
    bits[0, 0, 0] = bits[1, 1, 0] = bits[1, 0, 1] = True
    assert find_components(cropped(bits)).count == 3


@given(masks)
def test_centroid_against_numpy(bits: Array) -> None:
    np.testing.assert_allclose(
        find_centroid(cropped(bits)), np.argwhere(bits).mean(axis=0)[None], rtol=1e-12, atol=1e-12
    )


@given(masks, affines, turns)
def test_nothing_depends_on_order_or_direction_of_the_axes(
    bits: Array, affine: Array, turn: tuple[tuple[int, ...], tuple[bool, ...]]
) -> None:
    other, other_affine = turned(bits, affine, *turn)
    one, two = cropped(bits), cropped(other)
    assert two.voxel_count == one.voxel_count
    assert two.inside.shape == tuple(one.inside.shape[axis] for axis in turn[0])
    assert find_components(two).count == find_components(one).count
    assert find_components(two).largest.voxel_count == find_components(one).largest.voxel_count
    assert touches_border(two, other.shape) == touches_border(one, bits.shape)
    places = [
        (a @ np.append(find_centroid(f)[0], 1.0))[:3]
        for f, a in ((one, affine), (two, other_affine))
    ]
    np.testing.assert_allclose(places[0], places[1], atol=1e-9)


@given(masks)
def test_border_against_numpy(bits: Array) -> None:
    shell = np.ones_like(bits)
    shell[1:-1, 1:-1, 1:-1] = False
    assert touches_border(cropped(bits), bits.shape) == bool((bits & shell).any())


def test_border_of_single_and_full_masks() -> None:
    bits = np.zeros((5, 4, 3), bool)
    bits[2, 2, 1] = True
    assert not touches_border(cropped(bits), bits.shape)
    full = np.ones((5, 4, 3), bool)
    assert touches_border(cropped(full), full.shape)
    assert cropped(full).box == ((0, 0, 0), (4, 3, 2))
    for axis in range(3):
        for index in (0, -1):
            bits = np.zeros((5, 5, 5), bool)
            bits[tuple(index if a == axis else 2 for a in range(3))] = True
            assert touches_border(cropped(bits), bits.shape)


# --- stored values and foreground --------------------------------------------------------------


@given(
    hnp.arrays(
        "f4", sizes, elements=st.sampled_from([0.0, -0.0, 1.0, 2.0, 255.0, -1.0, np.nan, np.inf])
    ),
)
def test_foreground_and_stored_values_of_floats(voxels: Array) -> None:
    bits, n_nonfinite = find_foreground(voxels)
    finite = np.isfinite(voxels)
    np.testing.assert_array_equal(bits, finite & (voxels != 0))
    assert n_nonfinite == int((~finite).sum())
    # A value that is not finite is no foreground, and no stored value of a mask either.
    found = crop(bits)
    values = list_stored_values(voxels, found)
    assert values is not None
    assert [v for v in values if v] == np.unique(voxels[bits]).tolist()
    if (voxels == 0).any():
        assert values == np.unique(voxels[finite]).tolist()


@given(hnp.arrays("uint8", sizes, elements=st.integers(0, 255)))
def test_stored_values_of_integers(voxels: Array) -> None:
    distinct = np.unique(voxels).tolist()
    bits, n_nonfinite = find_foreground(voxels)
    assert n_nonfinite == 0
    assert list_stored_values(voxels, crop(bits)) == (distinct if len(distinct) <= 16 else None)


@pytest.mark.parametrize(("n", "with_zero"), [(16, True), (17, True), (16, False), (17, False)])
def test_stored_values_end_at_16(n: int, with_zero: bool) -> None:  # noqa: FBT001
    voxels = (np.arange(n, dtype="uint8") + (0 if with_zero else 1)).reshape(n, 1, 1)
    values = list_stored_values(voxels, crop(find_foreground(voxels)[0]))
    assert values == (voxels.ravel().tolist() if n <= 16 else None)


# --- digest ------------------------------------------------------------------------------------


@given(masks)
def test_digest_is_the_same_for_any_dtype_and_order(bits: Array) -> None:
    digests = {
        digest_voxels(find_foreground(voxels)[0])
        for voxels in (
            bits.astype("uint8") * np.uint8(255),
            bits.astype("f4"),
            np.asfortranarray(bits.astype("int16")),
            np.ascontiguousarray(bits.astype(">i4")),
        )
    }
    assert len(digests) == 1


@given(masks, st.data())
def test_digest_tells_masks_apart(bits: Array, data: st.DataObject) -> None:
    other = bits.copy()
    other[tuple(data.draw(st.integers(0, n - 1)) for n in bits.shape)] ^= True
    assert digest_voxels(other) != digest_voxels(bits)
    longer = np.pad(bits, ((0, 1), (0, 0), (0, 0)))
    assert digest_voxels(longer) != digest_voxels(bits)


def test_digest_never_changes() -> None:
    """It is stored in tables: another one for the same mask would look like another mask."""
    bits = np.zeros((3, 2, 2), bool)
    bits[0, 0, 0] = bits[2, 1, 1] = True
    packed = bytes([0b10000000, 0b00010000])  # x fastest, most significant bit first
    assert digest_voxels(bits) == hashlib.blake2b(b"(3, 2, 2)" + packed, digest_size=16).hexdigest()
