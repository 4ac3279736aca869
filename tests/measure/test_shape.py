"""Mesh measures against brute force, closed forms, IBSI and two other libraries."""

from __future__ import annotations

import csv
import gzip
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import pdist
from skimage.measure import marching_cubes
from support import Array, ball

from etl.measure.mask import Foreground, crop, find_components, find_foreground
from etl.measure.shape import measure_max_diameter, measure_shape
from etl.read.nifti import read_volume
from measure.shapes import affines, masks, turned, turns


def cropped(bits: Array) -> Foreground:
    found = crop(bits)
    assert found is not None
    return found


def mesh_points(bits: Array, affine: Array) -> Array:
    """All vertices of the mesh in world mm, by the reference implementation."""
    vertices = marching_cubes(np.pad(bits, 1).astype(np.float32), 0.5)[0].astype(np.float64)
    points: Array = vertices @ affine[:3, :3].T
    return points


@given(masks, affines)
def test_diameter_against_every_pair_of_vertices(bits: Array, affine: Array) -> None:
    wanted = pdist(mesh_points(bits, affine)).max()
    assert measure_shape(cropped(bits), affine).max_diameter_mm == pytest.approx(wanted, rel=1e-6)
    assert measure_max_diameter(cropped(bits), affine) == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize("radius", [4.0, 7.3, 9.0])
def test_diameter_of_larger_shapes(radius: float) -> None:
    """Above the limit where a hull is taken, and with many vertices near the largest distance."""
    bits = ball((22, 22, 22), (10.4, 10.0, 11.1), radius)
    affine = np.diag([0.7, 1.3, 1.0, 1.0])
    wanted = pdist(mesh_points(bits, affine)).max()
    assert measure_shape(cropped(bits), affine).max_diameter_mm == pytest.approx(wanted, rel=1e-6)
    assert measure_max_diameter(cropped(bits), affine) == pytest.approx(wanted, rel=1e-6)


@given(masks, affines)
def test_volume_scales_with_the_determinant(bits: Array, affine: Array) -> None:
    """Sheared, turned or mirrored: the mesh is the same, its volume carries the determinant."""
    found = cropped(bits)
    unit = measure_shape(found, np.eye(4)).mesh_volume_mm3
    scale = abs(np.linalg.det(affine[:3, :3]))
    assert measure_shape(found, affine).mesh_volume_mm3 == pytest.approx(unit * scale, rel=1e-6)


@given(masks, st.floats(0.1, 5))
def test_area_scales_with_the_square_and_sphericity_not_at_all(bits: Array, scale: float) -> None:
    one = measure_shape(cropped(bits), np.eye(4))
    other = measure_shape(cropped(bits), np.diag([scale, scale, scale, 1]))
    assert other.surface_area_mm2 == pytest.approx(one.surface_area_mm2 * scale**2)
    assert other.sphericity == pytest.approx(one.sphericity)
    assert 0 < other.sphericity <= 1


@given(masks, affines, turns)
def test_diameter_does_not_depend_on_the_axes(
    bits: Array, affine: Array, turn: tuple[tuple[int, ...], tuple[bool, ...]]
) -> None:
    other, other_affine = turned(bits, affine, *turn)
    one = measure_max_diameter(cropped(bits), affine)
    assert measure_max_diameter(cropped(other), other_affine) == pytest.approx(one, rel=1e-9)


@given(st.tuples(*[st.floats(1.2, 4)] * 3), affines, turns)
def test_no_measure_of_an_ellipsoid_depends_on_the_axes(
    radii: tuple[float, ...], affine: Array, turn: tuple[tuple[int, ...], tuple[bool, ...]]
) -> None:
    """A mask with touching corners may be meshed in two ways; a convex one in one only."""
    index = np.indices((10, 10, 10)) - 4.5
    bits = sum((index[axis] / radii[axis]) ** 2 for axis in range(3)) <= 1
    other, other_affine = turned(np.asarray(bits), affine, *turn)
    one = measure_shape(cropped(np.asarray(bits)), affine)
    two = measure_shape(cropped(other), other_affine)
    for name in ("mesh_volume_mm3", "surface_area_mm2", "sphericity", "max_diameter_mm"):
        assert getattr(two, name) == pytest.approx(getattr(one, name), rel=1e-6), name


@given(masks, affines)
def test_only_the_linear_part_of_the_affine_matters(bits: Array, affine: Array) -> None:
    moved = affine.copy()
    moved[:3, 3] += [1e3, -1e3, 5]
    assert measure_shape(cropped(bits), moved) == measure_shape(cropped(bits), affine)


def test_single_voxel() -> None:
    """The mesh of one voxel is an octahedron with corners half a voxel away."""
    bits = np.zeros((3, 3, 3), bool)
    bits[1, 1, 1] = True
    found = measure_shape(cropped(bits), np.eye(4))
    assert found.mesh_volume_mm3 == pytest.approx(1 / 6)
    assert found.surface_area_mm2 == pytest.approx(math.sqrt(3))
    assert found.max_diameter_mm == pytest.approx(1.0)
    assert measure_max_diameter(cropped(bits), np.diag([1, 2, 3, 1.0])) == pytest.approx(3.0)


def test_full_mask_is_closed_at_every_border() -> None:
    """A box of a x b x c voxels: its faces, with cut edges, as if zeros lay around the image."""
    a, b, c = 5, 4, 3
    found = measure_shape(cropped(np.ones((a, b, c), bool)), np.eye(4))
    inner = np.zeros((a + 4, b + 4, c + 4), bool)
    inner[2:-2, 2:-2, 2:-2] = True
    assert found == measure_shape(cropped(inner), np.eye(4))
    edges = 4 * ((a - 1) + (b - 1) + (c - 1))  # each cut edge removes a prism of 1/8 a voxel
    corners = 8 * (1 / 8 - 1 / 48)  # each corner keeps a tetrahedron of 1/48
    assert found.mesh_volume_mm3 == pytest.approx(a * b * c - edges / 8 - corners)
    assert found.max_diameter_mm == pytest.approx(math.hypot(a, b - 1, c - 1))


def test_a_long_thin_mask_is_measured_along_a_turned_axis() -> None:
    bits = np.ones((20, 1, 1), bool)
    angle = math.radians(30)
    turn = np.array(
        [[math.cos(angle), -math.sin(angle), 0], [math.sin(angle), math.cos(angle), 0], [0, 0, 1]]
    )
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag([2, 1, 1])
    assert measure_shape(cropped(bits), affine).max_diameter_mm == pytest.approx(40.0)


# --- against others ----------------------------------------------------------------------------


def test_ibsi_digital_phantom(real: Path) -> None:
    with (real / "ibsi/reference_values.csv").open(newline="") as file:
        reference = {
            r["tag"]: (float(r["value"]), float(r["tolerance"])) for r in csv.DictReader(file)
        }
    volume = read_volume(real / "ibsi/mask.nii.gz")
    found = cropped(find_foreground(volume.voxels)[0])
    assert found.voxel_count == 74
    shape = measure_shape(found, volume.header.affine)
    ours = {
        "morph_volume": shape.mesh_volume_mm3,
        "morph_vol_approx": found.voxel_count * volume.header.voxel_volume_mm3,
        "morph_area_mesh": shape.surface_area_mm2,
        "morph_diam": shape.max_diameter_mm,
        "morph_sphericity": shape.sphericity,
    }
    for tag, value in ours.items():
        consensus, tolerance = reference[tag]
        assert abs(value - consensus) <= tolerance, tag


def test_real_mask(real: Path) -> None:
    volume = read_volume(real / "NIfTI-Files/masks_stv_manual/ISPY1_1002.nii.gz")
    affine = volume.header.affine
    found = cropped(find_foreground(volume.voxels)[0])
    assert found.box == ((88, 78, 65), (111, 104, 96))
    shape = measure_shape(found, affine)
    assert shape.mesh_volume_mm3 == pytest.approx(5062.21, abs=0.005)
    assert shape.surface_area_mm2 == pytest.approx(1895.20, abs=0.005)
    assert shape.sphericity == pytest.approx(0.7523, abs=0.00005)
    assert shape.max_diameter_mm == pytest.approx(37.054, abs=0.0005)
    parts = find_components(found)
    assert (parts.count, found.voxel_count) == (2, 5091)
    assert measure_max_diameter(parts.largest, affine) == pytest.approx(29.5, abs=0.05)


def read_nrrd(path: Path) -> tuple[Array, Array]:
    """Voxels and affine (RAS+) of a gzipped NRRD of little-endian shorts."""
    head, _, body = path.read_bytes().partition(b"\n\n")
    lines = [line.partition(": ") for line in head.decode().splitlines()]
    fields = {key: value for key, _, value in lines}
    size = [int(n) for n in fields["sizes"].split()]
    to_ras = np.diag([-1.0, -1.0, 1.0])  # left-posterior-superior
    columns = [np.fromstring(v.strip("()"), sep=",") for v in fields["space directions"].split()]
    affine = np.eye(4)
    affine[:3, :3] = to_ras @ np.stack(columns, axis=1)
    affine[:3, 3] = to_ras @ np.fromstring(fields["space origin"].strip("()"), sep=",")
    voxels = np.frombuffer(gzip.decompress(body), "<i2").reshape(size, order="F")
    return voxels, affine


def test_real_breast_mask_of_another_data_set(real: Path) -> None:
    voxels, affine = read_nrrd(real / "breast/label.nrrd")
    assert voxels.shape == (45, 120, 21)
    found = cropped(find_foreground(voxels)[0])
    assert found.voxel_count == 143
    assert abs(np.linalg.det(affine[:3, :3])) == pytest.approx(0.664062**2 * 2.1)
    shape = measure_shape(found, affine)
    assert 0.8 < shape.mesh_volume_mm3 / (143 * 0.664062**2 * 2.1) < 1
    wanted = pdist(mesh_points(found.inside, affine)).max()
    assert shape.max_diameter_mm == pytest.approx(wanted, rel=1e-6)
