"""NIfTI blobs: every dialect is read right or refused with a reason; nothing is trusted."""

from __future__ import annotations

import functools
import gzip
import tracemalloc
import zlib
from pathlib import Path
from typing import Any, Literal

import nibabel as nib
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support import (
    FINE_AFFINE,
    NATIVE_AFFINE,
    SLOPE,
    Array,
    by_nibabel,
    nifti_bytes,
    psr,
    write_nifti,
)

from etl.measure.grids import find_corners, to_world
from etl.model.errors import BadInputError
from etl.read.nifti import MAX_BYTES, Volume, read_volume

SIZE = (6, 5, 4)
DTYPES = ("uint8", "int8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "f4", "f8")


def voxels(dtype: str = "int16") -> Array:
    draw = np.random.default_rng(7)
    if np.dtype(dtype).kind == "f":
        return draw.normal(size=SIZE).astype(dtype)
    limits = np.iinfo(dtype)
    return draw.integers(limits.min, limits.max, SIZE, dtype=dtype, endpoint=True)


def read(content: bytes, folder: Path, name: str = "x.nii.gz") -> Volume:
    path = folder / name
    path.write_bytes(content)
    return read_volume(path)


def refusal(content: bytes, folder: Path, name: str = "x.nii.gz") -> BadInputError:
    with pytest.raises(BadInputError) as caught:
        read(content, folder, name)
    error = caught.value
    assert all((error.observed, error.expected, error.likely_cause, error.fix))
    return error


# --- what is read right ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["x.nii.gz", "x.nii"])
@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("endianness", ["<", ">"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dialect_gives_the_stored_voxels(
    tmp_path: Path, dtype: str, endianness: Literal["<", ">"], version: int, name: str
) -> None:
    array = voxels(dtype)
    path = write_nifti(
        tmp_path / name, array, NATIVE_AFFINE, endianness=endianness, version=version,
        extension=b"of some length",
    )  # fmt: skip
    found = read_volume(path)
    np.testing.assert_array_equal(found.voxels, array)
    assert found.voxels.dtype.isnative
    assert found.header.dtype.newbyteorder("=") == array.dtype
    np.testing.assert_array_equal(found.header.affine, NATIVE_AFFINE)
    content = path.read_bytes() if name == "x.nii" else gzip.decompress(path.read_bytes())
    assert found.content_crc32 == zlib.crc32(content)
    assert found.header.content_bytes == len(content)


@pytest.mark.parametrize("forms", ["q", "s", "qs"])
def test_header_agrees_with_nibabel(tmp_path: Path, forms: str) -> None:
    path = write_nifti(tmp_path / "x.nii.gz", voxels(), psr((0.78125, 0.9, 2.1)), forms=forms)
    found, other = read_volume(path).header, by_nibabel(path)
    np.testing.assert_array_equal(found.affine, other.affine)
    assert found.size == other.shape
    assert found.orientation == "".join(nib.aff2axcodes(other.affine)) == "PSR"
    assert found.spacing == pytest.approx((0.78125, 0.9, 2.1), rel=1e-6)
    assert found.voxel_volume_mm3 == pytest.approx(abs(np.linalg.det(other.affine[:3, :3])))
    assert (found.qform_code, found.sform_code) == (int("q" in forms), int("s" in forms))
    assert found.form_conflict is None


def test_without_any_form_the_affine_is_nibabels_too(tmp_path: Path) -> None:
    path = write_nifti(tmp_path / "x.nii.gz", voxels(), forms="", pixdim=[1, 2, 3, 4, 0, 0, 0, 0])
    np.testing.assert_array_equal(read_volume(path).header.affine, by_nibabel(path).affine)


@pytest.mark.parametrize("handedness", [0, 1, -1, 3, np.nan])
def test_handedness_that_is_not_stated_is_1(tmp_path: Path, handedness: float) -> None:
    pixdim = [handedness, 1, 1, 2, 0, 0, 0, 0]
    path = tmp_path / "x.nii.gz"
    path.write_bytes(gzip.compress(nifti_bytes(voxels(), forms="q", pixdim=pixdim)))
    np.testing.assert_array_equal(read_volume(path).header.affine, by_nibabel(path).affine)


@pytest.mark.parametrize(
    ("slope", "inter", "stored", "scaling"),
    [
        (0.0, 0.0, 0.0, (1.0, 0.0)),
        (0.0, 5.0, 0.0, (1.0, 0.0)),
        (1.0, 0.0, 1.0, (1.0, 0.0)),
        (-2.0, 3.0, -2.0, (-2.0, 3.0)),
        (np.nan, np.nan, None, (1.0, 0.0)),
        (np.inf, 1.0, None, (1.0, 0.0)),
        (2.0, np.nan, 2.0, (2.0, 0.0)),
        (SLOPE, 0.0, 0.003921568859368563, (0.003921568859368563, 0.0)),
    ],
)
def test_slope_rules(
    tmp_path: Path, slope: float, inter: float, stored: float | None, scaling: tuple[float, float]
) -> None:
    header = read(
        gzip.compress(nifti_bytes(voxels(), scl_slope=slope, scl_inter=inter)), tmp_path
    ).header
    assert header.scl_slope == stored
    assert header.scaling == scaling


def test_ftv_keeps_its_stored_255(tmp_path: Path) -> None:
    """Scaled, its voxels are 1.00000006 and `mask == 1` counts none: the stored ones decide."""
    mask = np.zeros(SIZE, np.uint8)
    mask[2, 3, 1] = 255
    found = read_volume(write_nifti(tmp_path / "x.nii.gz", mask, scl_slope=SLOPE, scl_inter=0))
    slope, inter = found.header.scaling
    assert np.unique(found.voxels).tolist() == [0, 255]
    assert (found.voxels * slope + inter == 1).sum() == 0
    assert int((found.voxels != 0).sum()) == 1


def test_extension_is_skipped_and_measured(tmp_path: Path) -> None:
    content = nifti_bytes(voxels(), extension=b"x" * 2312)
    found = read(gzip.compress(content), tmp_path)
    assert found.header.data_offset == 2672  # as in the N3 files of ISPY1_1002
    assert found.header.data_offset - found.header.header_bytes == 2320
    np.testing.assert_array_equal(found.voxels, voxels())


@pytest.mark.parametrize("cut", [400, 1000])
def test_gzip_of_several_members(tmp_path: Path, cut: int) -> None:
    content = nifti_bytes(voxels("f8"))
    one = read(gzip.compress(content), tmp_path)
    more = read(gzip.compress(content[:cut]) + gzip.compress(content[cut:]), tmp_path)
    np.testing.assert_array_equal(more.voxels, one.voxels)
    assert more.content_crc32 == one.content_crc32 == zlib.crc32(content)


def test_zero_padding_behind_a_gzip_is_legal(tmp_path: Path) -> None:
    content = nifti_bytes(voxels())
    assert read(gzip.compress(content) + b"\0" * 512, tmp_path).content_crc32 == zlib.crc32(content)


def test_content_decides_and_not_the_name(tmp_path: Path) -> None:
    content = nifti_bytes(voxels())
    np.testing.assert_array_equal(read(content, tmp_path, "x.nii.gz").voxels, voxels())
    np.testing.assert_array_equal(read(gzip.compress(content), tmp_path, "x.nii").voxels, voxels())


def test_trailing_dimensions_of_one_are_three_dimensional(tmp_path: Path) -> None:
    content = nifti_bytes(voxels(), dim=[4, *SIZE, 1, 1, 1, 1])
    assert read(gzip.compress(content), tmp_path).header.size == SIZE


def test_vox_offset_zero_means_right_behind_the_header(tmp_path: Path) -> None:
    content = nifti_bytes(voxels(), vox_offset=0)
    np.testing.assert_array_equal(read(gzip.compress(content), tmp_path).voxels, voxels())


# --- what is refused ---------------------------------------------------------------------------

REFUSED: dict[str, tuple[str, dict[str, Any]]] = {
    "4-D": ("not_3d", {"array": np.zeros((4, 3, 2, 3), np.int16)}),
    "5-D": ("not_3d", {"array": np.zeros((4, 3, 2, 1, 3), np.int16)}),
    "complex": ("unsupported_dtype", {"array": np.zeros(SIZE, np.complex64)}),
    "RGB": ("unsupported_dtype", {"datatype": 128, "bitpix": 24}),
    "RGBA": ("unsupported_dtype", {"datatype": 2304, "bitpix": 32}),
    "long double": ("unsupported_dtype", {"datatype": 1536, "bitpix": 128}),
    "one bit a voxel": ("unsupported_dtype", {"datatype": 1, "bitpix": 1}),
    "no such dtype": ("header_implausible", {"datatype": 9999}),
    "no dtype": ("unsupported_dtype", {"datatype": 0}),
    "negative size": ("header_implausible", {"dim": [3, 6, -5, 4, 1, 1, 1, 1]}),
    "size zero": ("header_implausible", {"dim": [3, 6, 0, 4, 1, 1, 1, 1]}),
    "no dimension": ("header_implausible", {"dim": [0, 6, 5, 4, 1, 1, 1, 1]}),
    "8 dimensions": ("header_implausible", {"dim": [8, 6, 5, 4, 1, 1, 1, 1]}),
    "offset in the header": ("header_implausible", {"vox_offset": 100}),
    "negative offset": ("header_implausible", {"vox_offset": -352}),
    "offset not a number": ("header_implausible", {"vox_offset": np.nan}),
    "offset infinite": ("header_implausible", {"vox_offset": np.inf}),
    "offset far out": ("header_implausible", {"vox_offset": 1e30}),
    "NaN affine": ("affine_invalid", {"forms": "", "sform_code": 1, "srow_x": [np.nan, 0, 0, 0]}),
    "inf affine": ("affine_invalid", {"sform_code": 1, "srow_y": [0, np.inf, 0, 0]}),
    "singular affine": ("affine_invalid", {"sform_code": 1, "srow_y": [0, 0, 0, 0]}),
    "NaN quaternion": ("affine_invalid", {"forms": "q", "quatern_b": np.nan}),
    "impossible quaternion": ("affine_invalid", {"forms": "q", "quatern_b": 3, "quatern_c": 3}),
    "NaN spacing": ("affine_invalid", {"forms": "q", "pixdim": [1, np.nan, 1, 1, 0, 0, 0, 0]}),
    "spacing zero": ("affine_invalid", {"forms": "q", "pixdim": [1, 0, 1, 1, 0, 0, 0, 0]}),
    "two files": ("not_nifti", {"magic": b"ni1"}),
    "Analyze": ("not_nifti", {"magic": b""}),
    "header declares more": ("payload_length", {"dim": [3, 6, 5, 5, 1, 1, 1, 1]}),
    "header declares less": ("payload_length", {"dim": [3, 6, 5, 3, 1, 1, 1, 1]}),
}


@pytest.mark.parametrize("name", ["x.nii.gz", "x.nii"])
@pytest.mark.parametrize("fault", REFUSED)
def test_refused_with_a_reason(tmp_path: Path, fault: str, name: str) -> None:
    check, fields = REFUSED[fault]
    content = nifti_bytes(**{"array": voxels(), **fields})
    content = gzip.compress(content) if name == "x.nii.gz" else content
    assert refusal(content, tmp_path, name).check == check


@pytest.mark.parametrize(
    ("content", "check"),
    [
        (b"", "blob_unreadable"),
        (b"\x1f\x8b", "not_nifti"),
        (b"<!DOCTYPE html><html>", "not_nifti"),
        (gzip.compress(b""), "not_nifti"),
        (gzip.compress(b"not an image"), "not_nifti"),
        (gzip.compress(nifti_bytes(voxels())[:200]), "not_nifti"),
        (gzip.compress(nifti_bytes(voxels())) + b"trailing garbage", "gzip_corrupt"),
        (gzip.compress(nifti_bytes(voxels())) + gzip.compress(b"more"), "payload_length"),
        (gzip.compress(nifti_bytes(voxels()) + b"\0"), "payload_length"),
        (gzip.compress(nifti_bytes(voxels())[:-1]), "payload_length"),
    ],
    ids=range(10),  # gzip bytes hold the time: two test processes would not agree on the names
)
def test_other_bytes(tmp_path: Path, content: bytes, check: str) -> None:
    assert refusal(content, tmp_path).check == check


def test_missing_file_and_folder(tmp_path: Path) -> None:
    for path, check in ((tmp_path / "x.nii.gz", "blob_missing"), (tmp_path, "blob_unreadable")):
        with pytest.raises(BadInputError) as caught:
            read_volume(path)
        assert caught.value.check == check


def test_wrong_crc_and_wrong_length_in_the_trailer(tmp_path: Path) -> None:
    intact = gzip.compress(nifti_bytes(voxels()))
    wrong_crc = bytearray(intact)
    wrong_crc[-8] ^= 1
    assert refusal(bytes(wrong_crc), tmp_path).check == "gzip_crc"
    wrong_length = bytearray(intact)
    wrong_length[-1] ^= 1
    assert refusal(bytes(wrong_length), tmp_path).check in ("gzip_crc", "gzip_corrupt")


INTACT = {
    "x.nii.gz": gzip.compress(nifti_bytes(voxels(), extension=b"some"), mtime=0),
    "x.nii": nifti_bytes(voxels(), extension=b"some"),
}


@functools.cache
def intact(name: str, folder: Path) -> Volume:
    return read(INTACT[name], folder, name)


@given(cut=st.integers(0, len(INTACT["x.nii.gz"]) - 1))
def test_truncated_gzip_is_always_refused(tmp_path: Path, cut: int) -> None:
    refusal(INTACT["x.nii.gz"][:cut], tmp_path)


@given(cut=st.integers(0, len(INTACT["x.nii"]) - 1))
def test_truncated_nii_is_always_refused(tmp_path: Path, cut: int) -> None:
    refusal(INTACT["x.nii"][:cut], tmp_path, "x.nii")


@given(at=st.integers(0, len(INTACT["x.nii.gz"]) - 1), bits=st.integers(1, 255))
def test_a_flipped_byte_of_a_gzip_is_harmless_or_refused(
    tmp_path: Path, at: int, bits: int
) -> None:
    content = bytearray(INTACT["x.nii.gz"])
    content[at] ^= bits
    try:
        found = read(bytes(content), tmp_path)
    except BadInputError:
        return
    assert at < 10  # only gzip's own header (time, system) can change without harm
    np.testing.assert_array_equal(found.voxels, voxels())


@given(at=st.integers(0, len(INTACT["x.nii"]) - 1), bits=st.integers(1, 255))
@example(at=256, bits=0x40)  # a quaternion longer than one
@example(at=76, bits=0x7F)  # pixdim[0]
def test_a_flipped_byte_of_a_nii_never_ends_in_a_traceback(
    tmp_path: Path, at: int, bits: int
) -> None:
    content = bytearray(INTACT["x.nii"])
    content[at] ^= bits
    try:
        found = read(bytes(content), tmp_path, "x.nii")
    except BadInputError:
        return
    assert found.content_crc32 == zlib.crc32(content)
    if (
        found.voxels.dtype == np.int16
        and found.header.size == SIZE
        and at < found.header.data_offset
    ):
        np.testing.assert_array_equal(found.voxels, voxels())


@pytest.mark.parametrize("at", range(348))
def test_every_header_byte_set_to_255(tmp_path: Path, at: int) -> None:
    content = bytearray(INTACT["x.nii"])
    content[at] = 255
    try:
        found = read(bytes(content), tmp_path, "x.nii")
    except BadInputError:
        return
    assert np.isfinite(found.header.affine).all()
    assert found.voxels.shape == found.header.size


@given(st.binary(max_size=700))
def test_any_bytes_behind_a_plausible_start(tmp_path: Path, tail: bytes) -> None:
    for start in (b"\x5c\x01\0\0", b"\0\0\x01\x5c", b"\x1c\x02\0\0", b"\x1f\x8b\x08\0"):
        with pytest.raises(BadInputError):
            read(start + tail, tmp_path, "x.nii")


# --- memory ------------------------------------------------------------------------------------


def peak_of_refusal(content: bytes, folder: Path) -> tuple[str, int]:
    tracemalloc.start()
    try:
        check = refusal(content, folder).check
        return check, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("size", [(2048, 2048, 512), (32767, 32767, 32767), (1024, 1024, 600)])
def test_a_header_of_2_to_the_31_voxels_takes_no_memory(
    tmp_path: Path, size: tuple[int, int, int]
) -> None:
    content = nifti_bytes(voxels(), dim=[3, *size, 1, 1, 1, 1])
    check, peak = peak_of_refusal(gzip.compress(content), tmp_path)
    assert check == "header_implausible"
    assert peak < 2**20


def test_nifti_2_sizes_of_64_bits_take_no_memory(tmp_path: Path) -> None:
    content = nifti_bytes(voxels(), version=2, dim=[3, 2**62, 2**62, 2**62, 1, 1, 1, 1])
    check, peak = peak_of_refusal(gzip.compress(content), tmp_path)
    assert check == "header_implausible"
    assert peak < 2**20


def test_a_plausible_size_that_the_file_cannot_hold_takes_no_memory(tmp_path: Path) -> None:
    size = (1000, 1000, 100)  # 200 MB: below the limit, and more than a small file inflates to
    assert np.prod(size) * 2 < MAX_BYTES
    content = nifti_bytes(voxels(), dim=[3, *size, 1, 1, 1, 1])
    check, peak = peak_of_refusal(gzip.compress(content), tmp_path)
    assert check == "header_implausible"
    assert peak < 2**20


def test_a_gzip_is_not_inflated_past_what_its_header_declares(tmp_path: Path) -> None:
    content = nifti_bytes(voxels())
    bomb = gzip.compress(content + bytes(50 * 2**20), compresslevel=1)
    check, peak = peak_of_refusal(bomb, tmp_path)
    assert check == "payload_length"
    assert peak < 2 * len(bomb) + 2**20
    bomb = gzip.compress(content) + gzip.compress(bytes(50 * 2**20), compresslevel=1)
    check, peak = peak_of_refusal(bomb, tmp_path)
    assert check == "payload_length"
    assert peak < 2**22


# --- forms that disagree -----------------------------------------------------------------------


def conflict(folder: Path, **fields: Any) -> str | None:  # noqa: ANN401
    return read(gzip.compress(nifti_bytes(voxels(), **fields)), folder).header.form_conflict


def test_forms_that_agree_are_no_conflict(tmp_path: Path) -> None:
    assert conflict(tmp_path, affine=NATIVE_AFFINE) is None
    assert conflict(tmp_path, affine=NATIVE_AFFINE, version=2, endianness=">") is None
    leftovers = [-1, 1.5, 1.5, 2, 7, 7, 7, 7]  # as in the FTV masks: pixdim[4:8] mean nothing
    qfac = float(nib.Nifti1Header(nifti_bytes(voxels(), NATIVE_AFFINE)[:348])["pixdim"][0])
    assert conflict(tmp_path, affine=NATIVE_AFFINE, pixdim=[qfac, *leftovers[1:]]) is None


def test_forms_that_disagree(tmp_path: Path) -> None:
    shifted = FINE_AFFINE.copy()
    shifted[0, 3] += 1
    header = {"srow_x": shifted[0], "srow_y": shifted[1], "srow_z": shifted[2]}
    assert "1 mm apart" in str(conflict(tmp_path, **header))
    assert "pixdim" in str(conflict(tmp_path, forms="s", pixdim=[1, 1, 1, 1.1, 0, 0, 0, 0]))
    assert "pixdim" in str(conflict(tmp_path, forms="s", pixdim=[1, 1, np.nan, 1, 0, 0, 0, 0]))


def test_an_unreadable_qform_beside_a_good_sform_is_a_conflict(tmp_path: Path) -> None:
    """The affine is the sform's: the voxels can be placed, and the finding says what is wrong."""
    for quaternion in (np.nan, 5.0):
        assert "qform" in str(conflict(tmp_path, quatern_b=quaternion))


# --- geometry ----------------------------------------------------------------------------------


@given(st.lists(st.floats(-5, 5), min_size=12, max_size=12), st.tuples(*[st.integers(1, 300)] * 3))
def test_corners_are_where_the_affine_puts_them(
    numbers: list[float], size: tuple[int, int, int]
) -> None:
    affine = np.vstack([np.reshape(numbers, (3, 4)), [0, 0, 0, 1]])
    index = np.array(
        [[x, y, z] for x in (0, size[0] - 1) for y in (0, size[1] - 1) for z in (0, size[2] - 1)]
    )
    wanted = nib.affines.apply_affine(affine, index)
    np.testing.assert_allclose(find_corners(affine, size), wanted, atol=1e-9)
    np.testing.assert_allclose(to_world(index.astype(float), affine), wanted, atol=1e-9)


def test_real_mask(real: Path) -> None:
    path = real / "NIfTI-Files/masks_stv_manual/ISPY1_1002.nii.gz"
    found = read_volume(path)
    header = found.header
    assert header.size == (200, 200, 120)
    assert header.dtype.name == "float32"
    assert header.spacing == (1.0, 1.0, 1.0)
    assert header.orientation == "PSR"
    assert (header.qform_code, header.sform_code, header.xyzt_units) == (1, 0, 2)
    assert (header.scl_slope, header.scl_inter) == (1.0, 0.0)
    assert np.unique(found.voxels).tolist() == [0.0, 1.0]
    assert found.content_crc32 == zlib.crc32(gzip.decompress(path.read_bytes()))
