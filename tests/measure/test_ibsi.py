"""The engine against IBSI's consensus values, a second library, itself, and closed forms."""

from __future__ import annotations

import csv
import logging
import math
import os
import subprocess
import sys
from decimal import Context, Decimal
from itertools import permutations, product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from support import ROOT, Array, ball

from etl.measure.ibsi import Region, UndefinedError, make_region, measure_family
from etl.measure.ibsi_names import ALL_FAMILIES, FAMILIES, NEEDS_IMAGE, list_names, needs_image
from etl.measure.mask import Foreground, crop
from etl.measure.shape import measure_shape
from etl.read.nifti import read_volume
from measure.second_opinion import IBSI_NAMES

BINS = 128
MM = (1.0, 1.0, 1.0)
Values = dict[str, float | None]


def measured(
    bits: Array,
    image: Array | None = None,
    *,
    spacing: tuple[float, ...] = MM,
    bins: int | None = BINS,
    families: tuple[str, ...] = FAMILIES,
) -> Values:
    found = make_region(bits, spacing, bins, None if image is None else (image, 1.0, 0.0))
    assert found is not None
    values: Values = {}
    for family in families:
        values |= measure_family(found, family)
    return values


def lesion(
    seed: int, radii: tuple[float, ...] = (6.0, 5.0, 4.0), size: int = 17
) -> tuple[Array, Array]:
    """An ellipsoid and an image of whole numbers from 0 to 999."""
    index = np.indices((size, size, size)) - (size - 1) / 2
    bits = sum((index[axis] / radii[axis]) ** 2 for axis in range(3)) <= 1
    return np.asarray(bits), np.random.default_rng(seed).integers(0, 1000, bits.shape).astype("f4")


def close(one: Values, other: Values, rel: float = 1e-9) -> None:
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert other[name] == pytest.approx(value, rel=rel, abs=1e-12), name


# --- the consensus -----------------------------------------------------------------------------


def ibsi_phantom(real: Path) -> Region:
    """The digital phantom of IBSI 1: its intensities are its grey levels."""
    image, mask = (read_volume(real / "ibsi" / f"{name}.nii.gz") for name in ("image", "mask"))
    found = make_region(mask.voxels != 0, mask.header.spacing, None, (image.voxels, 1.0, 0.0))
    assert found is not None
    return found


def three_digits(value: float | None) -> Decimal:
    assert value is not None
    return Context(prec=3).create_decimal(Decimal(value))


def test_all_210_consensus_values(real: Path) -> None:
    """To three significant digits, then within the tolerance, as IBSI compares."""
    found = ibsi_phantom(real)
    values: Values = {}
    for family in ALL_FAMILIES:
        values |= measure_family(found, family, "avg") | measure_family(found, family, "comb")
    with (real / "ibsi/reference_values.csv").open(newline="") as file:
        reference = {row["tag"]: row for row in csv.DictReader(file)}
    assert len(reference) == 210
    assert values.keys() == reference.keys()
    wrong = {
        tag: values[tag]
        for tag, row in reference.items()
        if abs(three_digits(values[tag]) - Decimal(row["value"])) > Decimal(row["tolerance"])
    }
    assert wrong == {}


def test_the_margin_holds_the_local_peak() -> None:
    """The peak is a mean over a ball of 6.2 mm that may leave the mask's box."""
    mask, image = ball((20, 20, 20), (10, 10, 10), 2.0), np.zeros((20, 20, 20))
    image[10, 10, 10], image[10, 10, 16] = 500.0, 100.0
    values = measured(mask, image, bins=None, families=("local_intensity",))
    inside = ball((20, 20, 20), (10, 10, 10), 6.2)
    assert values["loc_peak_loc"] == pytest.approx(image[inside].mean())


def test_a_second_library_agrees(real: Path) -> None:
    """To 1e-4, on a breast MRI; all but the axes, and 3 less for the kurtosis."""
    extractor = pytest.importorskip(
        "radiomics.featureextractor",
        reason="no pyradiomics here: pip install pyradiomics-bhklab pykwalify",
    )
    sitk = pytest.importorskip("SimpleITK", reason="no SimpleITK here")
    logging.getLogger("radiomics").setLevel(logging.ERROR)
    image, mask = (sitk.ReadImage(real / "breast" / f"{n}.nrrd") for n in ("image", "label"))
    theirs = extractor.RadiomicsFeatureExtractor(binCount=BINS).execute(image, mask)
    voxels, bits = (sitk.GetArrayFromImage(part).T for part in (image, mask))
    found = make_region(bits != 0, image.GetSpacing(), BINS, (voxels, 1.0, 0.0))
    assert found is not None
    assert int(found.mask.sum()) == 143
    ours: Values = {}
    for family in FAMILIES:
        ours |= measure_family(found, family, "avg")
    for name, tag in IBSI_NAMES.items():
        value = float(theirs[f"original_{name}"]) - (3 if tag == "stat_kurt" else 0)
        assert ours[tag] == pytest.approx(value, rel=1e-4), tag
    assert len(IBSI_NAMES) == 85


# --- the adapter against the engine's own way --------------------------------------------------


@settings(max_examples=8)
@given(st.integers(0, 10_000), st.booleans())
def test_the_engine_asked_as_its_manual_says(seed: int, scattered: bool) -> None:  # noqa: FBT001
    """Crop, bare calculators, parts moved together: none of it changes a value."""
    from zrad.image import Image
    from zrad.preprocessing import IntensityMaskBuilder, RoiData, TextureDiscretizer
    from zrad.radiomics import Radiomics

    bits, image = lesion(seed, (5.0, 4.0, 3.0), 19)
    if scattered:
        bits[1:3, 1:3, 17], bits[16, 2, 2] = True, True
    spacing = (0.8, 1.1, 2.0)

    def theirs(array: Array) -> Image:
        direction = np.eye(3).ravel()
        return Image(array.T.astype(float), (0.0,) * 3, np.array(spacing), direction, array.shape)

    data = RoiData(image=theirs(image), morphological_mask=theirs(bits))
    data = TextureDiscretizer(number_of_bins=BINS).apply(IntensityMaskBuilder().apply(data))
    wanted = Radiomics(aggr_dim="3D", aggr_method="MERG").extract_features(data, FAMILIES)
    close(measured(bits, image, spacing=spacing), wanted)


@pytest.mark.parametrize("family", ALL_FAMILIES)
def test_names_are_the_engines(family: str) -> None:
    bits, image = lesion(1)
    found = make_region(bits, MM, BINS, (image, 1.0, 0.0))
    assert found is not None
    values = measure_family(found, family)
    assert tuple(values) == list_names(family)
    assert None not in values.values()


def test_names_are_unique() -> None:
    names = [name for family in FAMILIES for name in list_names(family)]
    assert len(names) == len(set(names)) == 128
    assert sum(not needs_image(name) for name in names) == 21


# --- same bits ---------------------------------------------------------------------------------

_PRINT = """
import numpy as np
from measure.test_ibsi import lesion, measured
bits, image = lesion(3, (14.0, 12.0, 10.0), 31)
print({name: value.hex() for name, value in measured(bits, image).items()})
"""


def printed(threads: int) -> str:
    names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
    paths = os.pathsep.join((str(ROOT), str(ROOT / "tests")))
    return subprocess.run(
        [sys.executable, "-c", _PRINT],
        env=os.environ | dict.fromkeys(names, str(threads)) | {"PYTHONPATH": paths},
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def test_same_bits_for_any_number_of_threads() -> None:
    assert printed(1) == printed(4)


def test_same_bits_every_time() -> None:
    bits, image = lesion(4)
    assert measured(bits, image) == measured(bits, image)


# --- what has no answer ------------------------------------------------------------------------


def test_an_empty_mask_is_no_region() -> None:
    assert make_region(np.zeros((4, 4, 4), bool), MM, BINS) is None


DEGENERATE = {
    "a voxel": (slice(5, 6), slice(5, 6), slice(5, 6)),
    "a line": (slice(2, 9), slice(5, 6), slice(5, 6)),
    "a plane": (slice(2, 9), slice(2, 9), slice(5, 6)),
}


@pytest.mark.parametrize("shape", DEGENERATE)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_degenerate_mask_costs_families_not_the_case(shape: str, family: str) -> None:
    bits = np.zeros((11, 11, 11), bool)
    bits[DEGENERATE[shape]] = True
    image = np.random.default_rng(0).integers(0, 99, bits.shape)
    found = make_region(bits, MM, BINS, (image, 1.0, 0.0))
    assert found is not None
    lost = {"morphology"}
    if shape == "a voxel":
        lost |= {"intensity_histogram", "glcm", "ngtdm"}
    if family in lost:
        with pytest.raises(UndefinedError, match=r"\w"):
            measure_family(found, family)
    else:
        values = measure_family(found, family)
        assert all(value is None or math.isfinite(value) for value in values.values())


def test_a_diagonal_plane_is_as_flat_as_any() -> None:
    index = np.indices((9, 9, 9))
    found = make_region(index[0] == index[1], MM, BINS)
    assert found is not None
    with pytest.raises(UndefinedError):
        measure_family(found, "morphology")


def test_a_region_of_one_intensity() -> None:
    """No histogram and no co-occurrence to speak of; shape and runs stay."""
    bits, _ = lesion(0)
    found = make_region(bits, MM, BINS, (np.full(bits.shape, 7.0), 1.0, 0.0))
    assert found is not None
    for family in ("intensity_histogram", "glcm"):
        with pytest.raises(UndefinedError):
            measure_family(found, family)
    shape = measure_family(found, "morphology")
    assert {name for name, value in shape.items() if value is None} == {
        "morph_moran_i",
        "morph_geary_c",
    }
    assert measure_family(found, "intensity_statistics")["stat_mean"] == 7
    assert measure_family(found, "glszm")["szm_zsnu_3D"] == 1  # one zone


@pytest.mark.parametrize("wrong", [None, math.nan, math.inf, -math.inf])
def test_without_a_usable_image_the_shape_is_measured(wrong: float | None) -> None:
    bits, image = lesion(2)
    whole = measured(bits, image, families=("morphology",))
    if wrong is not None:
        image[0, 0, 0] = wrong  # outside the mask, within 7 voxels of its box
    found = make_region(bits, MM, BINS, None if wrong is None else (image, 1.0, 0.0))
    assert found is not None
    expected = "there is no image" if wrong is None else "1 voxels of the image"
    for family in FAMILIES[1:]:
        with pytest.raises(UndefinedError, match=expected):
            measure_family(found, family)
    alone = measure_family(found, "morphology")
    assert alone == {n: None if n in NEEDS_IMAGE else v for n, v in whole.items()}


def test_voxels_beyond_the_margin_do_not_matter() -> None:
    bits, image = lesion(5, size=31)
    wanted = measured(bits, image)
    image[0, 0, 0] = math.nan
    assert measured(bits, image) == wanted


def test_pairs_that_are_too_many_cost_two_features(monkeypatch: pytest.MonkeyPatch) -> None:
    bits, image = lesion(6)
    monkeypatch.setattr("etl.measure.ibsi.MAX_PAIRS", 1000)
    close(measured(bits, image), measured(bits, image))
    monkeypatch.setattr("etl.measure.ibsi.MAX_CELLS", 1000)
    values = measured(bits, image)
    assert [name for name, value in values.items() if value is None] == [
        "morph_moran_i",
        "morph_geary_c",
    ]


# --- known shapes ------------------------------------------------------------------------------


@pytest.mark.parametrize("radii", [(24.0, 24.0, 24.0), (28.0, 20.0, 14.0), (28.0, 28.0, 14.0)])
def test_an_ellipsoid(radii: tuple[float, ...]) -> None:
    """Volume, axes, and densities of a solid ellipsoid, whose variances are radius^2 / 5."""
    bits, _ = lesion(0, radii, 61)
    values = measured(bits, families=("morphology",))
    volume = 4 / 3 * math.pi * math.prod(radii)
    assert values["morph_volume"] == pytest.approx(volume, rel=0.01)
    assert values["morph_vol_approx"] == pytest.approx(volume, rel=0.01)
    axes = [values[f"morph_pca_{name}_axis"] for name in ("maj", "min", "least")]
    assert axes == pytest.approx([4 * radius / math.sqrt(5) for radius in radii], rel=0.01)
    assert values["morph_pca_flatness"] == pytest.approx(radii[2] / radii[0], rel=0.01)
    assert values["morph_vol_dens_aee"] == pytest.approx((math.sqrt(5) / 2) ** 3, rel=0.02)
    box = math.prod(2 * radius + 1 for radius in radii)  # of whole voxels
    assert values["morph_vol_dens_aabb"] == pytest.approx(volume / box, rel=0.01)
    assert values["morph_vol_dens_conv_hull"] == pytest.approx(1, abs=0.05)
    assert values["morph_diam"] == pytest.approx(2 * radii[0], rel=0.03)
    if len(set(radii)) == 1:  # the mesh of cut corners has 9 % too much area (Lorensen 1987)
        assert values["morph_sphericity"] == pytest.approx(0.92, abs=0.01)
        assert values["morph_area_dens_aee"] == pytest.approx(1.09 * 5 / 4, rel=0.02)


@settings(max_examples=10)
@given(
    st.tuples(*[st.floats(2.0, 7.0)] * 3),
    st.tuples(*[st.floats(0.5, 2.0)] * 3),
    st.sampled_from(list(permutations(range(3)))),
)
def test_the_same_shape_as_the_table_masks(
    radii: tuple[float, ...], spacing: tuple[float, float, float], order: tuple[int, ...]
) -> None:
    """Two ways to the mesh, by the engine and by measure.shape, on any order of axes."""
    bits, _ = lesion(0, radii)
    values = measured(bits, spacing=spacing, families=("morphology",))
    affine = np.diag([*(spacing[axis] for axis in order), 1.0])
    found = crop(bits.transpose(order))
    assert isinstance(found, Foreground)
    shape = measure_shape(found, affine)
    assert values["morph_volume"] == pytest.approx(shape.mesh_volume_mm3, rel=1e-6)
    assert values["morph_area_mesh"] == pytest.approx(shape.surface_area_mm2, rel=1e-6)
    assert values["morph_sphericity"] == pytest.approx(shape.sphericity, rel=1e-6)
    assert values["morph_diam"] == pytest.approx(shape.max_diameter_mm, rel=1e-6)


# --- laws --------------------------------------------------------------------------------------


@settings(max_examples=6)
@given(st.integers(0, 10_000), st.sampled_from(list(product([1, -1], repeat=3))))
def test_a_mirrored_region_has_the_same_features(seed: int, flips: tuple[int, ...]) -> None:
    bits, image = lesion(seed)
    turned = tuple(slice(None, None, step) for step in flips)
    close(measured(bits[turned], image[turned]), measured(bits, image))


@settings(max_examples=6)
@given(st.integers(0, 10_000), st.sampled_from(list(permutations(range(3)))))
def test_the_order_of_the_axes_does_not_matter(seed: int, order: tuple[int, ...]) -> None:
    bits, image = lesion(seed)
    spacing = (0.7, 1.0, 1.6)
    turned = measured(
        bits.transpose(order), image.transpose(order), spacing=tuple(spacing[a] for a in order)
    )
    close(turned, measured(bits, image, spacing=spacing))


@settings(max_examples=6)
@given(st.integers(0, 10_000), st.sampled_from([0.25, 2.0, 8.0]), st.integers(-500, 500))
def test_a_fixed_number_of_bins_forgets_unit_and_offset(
    seed: int, scale: float, shift: int
) -> None:
    """Grey levels stay, so histogram and texture do to the last bit; statistics follow."""
    bits, image = lesion(seed)
    one, other = measured(bits, image), measured(bits, image * scale + shift)
    for family in ("intensity_histogram", "glcm", "glrlm", "glszm", "ngtdm"):
        for name in list_names(family):
            assert one[name] == other[name], name
    for name in ("mean", "median", "min", "p10", "p90", "max"):
        value = one[f"stat_{name}"]
        assert value is not None
        assert other[f"stat_{name}"] == pytest.approx(value * scale + shift, rel=1e-9, abs=1e-9)
    for name, power in (("var", 2), ("iqr", 1), ("mad", 1), ("skew", 0), ("kurt", 0)):
        value = one[f"stat_{name}"]
        assert value is not None
        assert other[f"stat_{name}"] == pytest.approx(value * scale**power, rel=1e-9, abs=1e-12)
    for name in ("moran_i", "geary_c"):
        assert other[f"morph_{name}"] == pytest.approx(one[f"morph_{name}"], rel=1e-9)


@settings(max_examples=10)
@given(hnp.arrays(np.int16, (6, 5, 5), elements=st.integers(0, 4)))
def test_what_can_be_said_of_any_region(image: Array) -> None:
    """Probabilities lie between 0 and 1, counts come out."""
    bits = image > 0
    found = make_region(bits, MM, 4, (image, 1.0, 0.0))
    if found is None:
        return
    n = int(bits.sum())
    for family in FAMILIES:
        try:
            values = measure_family(found, family)
        except UndefinedError:
            continue
        for name, value in values.items():
            if (
                value is not None
                and name.split("_3D")[0].endswith(
                    (
                        "joint_max",
                        "energy",
                        "uniformity",
                        "_norm",
                        "_perc",
                        "inv_diff",
                        "vol_dens_aabb",
                    )
                )  # of the densities, volume alone: the surface of a dented region exceeds its box
                and name != "stat_energy"
            ):
                assert 0 < value <= 1 + 1e-9, name
        if family == "morphology":
            assert values["morph_vol_approx"] == n
        if family == "intensity_statistics":
            assert values["stat_mean"] == pytest.approx(image[bits].mean())
