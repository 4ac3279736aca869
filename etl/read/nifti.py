"""NIfTI-1 and NIfTI-2 blobs: header and stored voxels, with nothing trusted.

Header fields: NIfTI-1.1 (Cox et al. 2004) and NIfTI-2 (2011), nifti.nimh.nih.gov.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from isal import igzip_lib, isal_zlib

from etl.measure.arrays import Array, keep_finite
from etl.measure.grids import Grid, determinant, find_corners, measure_spacing
from etl.model.errors import BadInputError
from etl.read.refusals import cut_short, refuse, report_damage, report_no_image
from etl.read.source import Content, Source, map_source

MAX_BYTES = 2**30  # twice the largest volume of the public release as float64
MAX_EXTENSION_BYTES = 16 * 2**20
MAX_DEFLATE_RATIO = 1032  # RFC 1951: 258 bytes of output for each 2 bits of input, plus a bit
MIN_DETERMINANT = 1e-9  # mm3
MAX_AFFINE_MM = 1e9  # a thousand kilometres: beyond it lie only damage and overflow
MM_PER_UNIT = {1: 1000.0, 3: 0.001}  # spatial code of xyzt_units: metre, micrometre
SPATIAL_UNITS = 0x07
FIRST_PIECE_BYTES = 1 << 10
PEEK_BYTES = 1 << 16
DIMENSIONS = 3
GZIP_TRAILER_BYTES = 8
FORM_TOLERANCE_MM = 0.01
GZIP_ERROR = cast("type[Exception]", igzip_lib.error)  # the stubs call the class an instance
WINDOW = 31  # zlib's wbits for "gzip, 32 KiB window"


@dataclass(frozen=True, slots=True)
class Header:
    """The header of a blob. `affine`: voxel index to RAS+ world, mm (sform, else qform)."""

    size: tuple[int, int, int]
    dtype: np.dtype[Any]
    affine: Array
    qform_code: int
    sform_code: int
    scl_slope: float | None
    scl_inter: float | None
    xyzt_units: int
    data_offset: int
    header_bytes: int
    form_conflict: str | None
    dim: tuple[int, ...] = ()  # as stored, before axes of length 1 were dropped

    @property
    def n_voxels(self) -> int:
        """Number of voxels."""
        return math.prod(self.size)

    @property
    def content_bytes(self) -> int:
        """Length that the uncompressed stream must have."""
        return self.data_offset + self.n_voxels * self.dtype.itemsize

    @property
    def grid(self) -> Grid:
        """Size and affine."""
        return self.size, self.affine

    @property
    def scaling(self) -> tuple[float, float]:
        """Slope and intercept that apply: slope 0 or not finite means none (NIfTI-1.1)."""
        if not self.scl_slope:
            return 1.0, 0.0
        return self.scl_slope, self.scl_inter or 0.0

    @property
    def spacing(self) -> tuple[float, ...]:
        """Column norms of the affine, mm."""
        return measure_spacing(self.affine)

    @property
    def orientation(self) -> str:
        """Letters of the directions in which the array axes increase, such as PSR."""
        return "".join(_load_nibabel().aff2axcodes(self.affine))

    @property
    def voxel_volume_mm3(self) -> float:
        """Absolute determinant of the affine, mm3."""
        return abs(determinant(self.affine))


@dataclass(frozen=True, slots=True)
class Volume:
    """A blob: header, stored voxels (x, y, z; Fortran order), checksum of the whole stream."""

    header: Header
    voxels: Array
    content_crc32: int


def read_volume(source: Source) -> Volume:
    """Read one blob (`.nii.gz` or `.nii`).

    Returns:
        Header, stored voxels in native byte order, CRC-32 of the uncompressed stream.

    Raises:
        BadInputError: not NIfTI, an implausible header, a stream that is truncated, corrupt,
            or not exactly as long as the header declares.
    """
    try:
        with map_source(source) as raw:
            return _read_gzip(raw) if raw[:2] == b"\x1f\x8b" else _read_plain(raw)
    except FileNotFoundError as error:
        raise refuse(
            "blob_missing", "no such file", "the file that the index lists", "not pulled",
            "Run `dvc pull`, or adopt the release again.",
        ) from error  # fmt: skip
    except (OSError, ValueError) as error:
        raise refuse(
            "blob_unreadable", str(error), "a readable, non-empty file",
            "an empty file, missing rights or a failing disk", "Check the file, then adopt again.",
        ) from error  # fmt: skip


def _read_plain(raw: Content) -> Volume:
    if raw[:4] not in (b"\x5c\x01\x00\x00", b"\x00\x00\x01\x5c", *_NIFTI2_STARTS):
        raise report_no_image(raw[:PEEK_BYTES])
    header = parse_header(raw[:PEEK_BYTES])
    if len(raw) != header.content_bytes:
        raise _report_length(len(raw), header)
    return _make_volume(header, bytes(raw), isal_zlib.crc32(raw))


_NIFTI2_STARTS = (struct.pack("<i", 540), struct.pack(">i", 540))


def _read_gzip(raw: Content) -> Volume:
    try:
        head = isal_zlib.decompressobj(wbits=WINDOW).decompress(raw[:PEEK_BYTES], PEEK_BYTES)
        header = parse_header(head)
        _check_ratio(header, len(raw))
        content, crc = _inflate(raw, header)
    except GZIP_ERROR as error:
        check = "gzip_crc" if "checksum" in str(error) else "gzip_corrupt"
        raise cut_short(check, str(error), "an intact gzip stream", raw[:]) from error
    return _make_volume(header, content, crc)


def _inflate(raw: Content, header: Header) -> tuple[bytes, int]:
    """Inflate all gzip members, never past what the header declares, from the file as it lies."""
    limit = header.content_bytes
    inflater = isal_zlib.decompressobj(wbits=WINDOW)
    content = inflater.decompress(raw, limit + 1)
    rest = inflater.unused_data
    if inflater.eof and not rest.rstrip(b"\0"):
        if len(content) != limit:
            raise _report_length(len(content), header, raw[:])
        end = len(raw) - len(rest)
        trailer = raw[end - GZIP_TRAILER_BYTES : end]
        return content, int(struct.unpack("<I", trailer[:4])[0])
    compressed = raw[:]
    is_whole = inflater.eof
    if is_whole:
        further, is_whole = _inflate_members(compressed, len(rest), limit - len(content))
        content += further
    if not is_whole and len(content) <= limit:
        message = f"{len(content)} bytes, then the end"
        raise cut_short("gzip_truncated", message, f"{limit} bytes", compressed)
    if len(content) != limit:
        raise _report_length(len(content), header, compressed)
    return content, isal_zlib.crc32(content)


def _inflate_members(compressed: bytes, n_left: int, limit: int) -> tuple[bytes, bool]:
    """Inflate the members in the last `n_left` bytes, up to `limit` + 1; say if the last is whole.

    Fed in pieces that double, since what a member leaves over is copied: linear in the length.
    """
    start, end = len(compressed) - n_left, len(compressed.rstrip(b"\0"))
    parts: list[bytes] = []
    room, is_whole = limit + 1, True
    while start < end and room > 0:
        inflater, size = isal_zlib.decompressobj(wbits=WINDOW), FIRST_PIECE_BYTES
        while not inflater.eof and start < len(compressed) and room > 0:
            piece = compressed[start : start + size]
            parts.append(inflater.decompress(piece, room))
            room -= len(parts[-1])
            start += len(piece) - len(inflater.unused_data)
            size *= 2
        is_whole = inflater.eof
    return b"".join(parts), is_whole


def _report_length(length: int, header: Header, compressed: bytes = b"") -> BadInputError:
    qualifier = "at least " if length == header.content_bytes + 1 else ""
    return cut_short(
        "payload_length",
        f"{qualifier}{length} bytes",
        f"{header.content_bytes} bytes for {header.size} voxels of {header.dtype}",
        compressed,
    )


def _check_ratio(header: Header, compressed_bytes: int) -> None:
    if header.content_bytes > compressed_bytes * MAX_DEFLATE_RATIO + PEEK_BYTES:
        raise report_damage(
            "header_implausible",
            f"{header.content_bytes} bytes declared by {compressed_bytes} compressed ones",
            f"at most {MAX_DEFLATE_RATIO} times the compressed length",
        )


def parse_header(start: bytes) -> Header:
    """Return the header at the start of a plain stream, checked before memory is taken.

    Raises:
        BadInputError: not NIfTI, not 3-D, sizes or data type implausible, no usable affine.
    """
    header = _parse_with_nibabel(start)
    dim = [int(n) for n in header["dim"]]
    size = _parse_size(dim)
    dtype = _parse_dtype(header)
    offset = int(header["vox_offset"]) if math.isfinite(float(header["vox_offset"])) else -1
    length = int(header["sizeof_hdr"])
    offset = offset or length + 4  # a file that leaves vox_offset 0 means "right behind"
    if not length + 4 <= offset <= length + 4 + MAX_EXTENSION_BYTES:
        raise report_damage(
            "header_implausible", f"vox_offset {offset}", f"{length + 4} or a bit more"
        )
    declared = math.prod(size) * dtype.itemsize
    if declared > MAX_BYTES:
        raise report_damage(
            "header_implausible", f"{declared} bytes of voxels", f"at most {MAX_BYTES}"
        )
    affine = _parse_affine(header)
    return Header(
        size=size,
        dtype=dtype,
        affine=affine,
        qform_code=int(header["qform_code"]),
        sform_code=int(header["sform_code"]),
        scl_slope=keep_finite(header["scl_slope"]),
        scl_inter=keep_finite(header["scl_inter"]),
        xyzt_units=int(header["xyzt_units"]),
        data_offset=offset,
        header_bytes=length + 4,
        form_conflict=_describe_form_conflict(header, affine, size),
        dim=tuple(dim[1 : dim[0] + 1]),
    )


def _load_nibabel() -> Any:  # noqa: ANN401  nibabel is not typed
    """Return nibabel, imported with the first image: it takes as long as a command without one."""
    import nibabel

    return nibabel


def _list_header_errors() -> tuple[type[Exception], ...]:
    """Return what nibabel raises of a header that makes no sense."""
    beyond = (KeyError, TypeError, ValueError, FloatingPointError)
    return (_load_nibabel().spatialimages.HeaderDataError, *beyond)


def _parse_with_nibabel(start: bytes) -> Any:  # noqa: ANN401  nibabel is not typed
    nibabel = _load_nibabel()
    kinds: dict[int, Any] = {348: nibabel.Nifti1Header, 540: nibabel.Nifti2Header}
    for order in "<>":
        length = struct.unpack(f"{order}i", start[:4])[0] if len(start) >= 4 else 0  # noqa: PLR2004
        if length in kinds and len(start) >= length:
            header = kinds[length](start[:length], endianness=order, check=False)
            if header["pixdim"][0] not in (-1, 1):
                header["pixdim"][0] = 1  # NIfTI-1.1: the handedness is 1 where none is stated
            if bytes(header["magic"].item())[:3] in (b"n+1", b"n+2"):
                return header
            raise refuse(
                "not_nifti", f"magic {header['magic'].item()!r}", "a single-file NIfTI (n+1, n+2)",
                "an Analyze or two-file image", "Convert it to .nii.gz.",
            )  # fmt: skip
    raise report_no_image(start)


def _parse_size(dim: list[int]) -> tuple[int, int, int]:
    if not 1 <= dim[0] <= 7 or any(n < 1 for n in dim[1 : dim[0] + 1]):  # noqa: PLR2004  NIfTI-1.1
        raise report_damage("header_implausible", f"dim {dim}", "1 to 7 sizes of at least 1")
    sizes = [*dim[1 : dim[0] + 1], 1, 1]
    while len(sizes) > DIMENSIONS and 1 in sizes:  # at the end first, then from the front
        sizes.pop(-1 if sizes[-1] == 1 else sizes.index(1))
    if len(sizes) > DIMENSIONS:
        raise refuse(
            "not_3d", f"{dim[0]}-D of size {tuple(dim[1 : dim[0] + 1])}", "one 3-D volume per file",
            "several phases in one file", "Split the file into one volume per phase.",
        )  # fmt: skip
    return sizes[0], sizes[1], sizes[2]


def _parse_dtype(header: Any) -> np.dtype[Any]:  # noqa: ANN401  nibabel is not typed
    try:
        dtype: np.dtype[Any] = np.dtype(header.get_data_dtype())
    except _list_header_errors() as error:
        raise report_damage("header_implausible", str(error), "a NIfTI data type") from error
    if dtype.kind not in "iuf" or dtype.itemsize > 8:  # noqa: PLR2004  no long double
        raise refuse(
            "unsupported_dtype", str(dtype), "integers or floats of up to 64 bits",
            "a colour or complex image", "Convert the file to a scalar data type.",
        )  # fmt: skip
    return dtype


def _parse_affine(header: Any) -> Array:  # noqa: ANN401  nibabel is not typed
    try:
        affine = _convert_to_mm(header, header.get_best_affine())
    except _list_header_errors() as error:
        raise _report_bad_affine(str(error)) from error
    if not np.isfinite(affine).all():
        raise _report_bad_affine("not finite")
    if np.abs(affine).max() > MAX_AFFINE_MM:
        raise _report_bad_affine(f"{np.abs(affine).max():.3g} mm")
    if abs(determinant(affine)) < MIN_DETERMINANT:
        raise _report_bad_affine("singular")
    return affine + 0.0  # no negative zeros: they would differ in bytes, not in meaning


def _find_mm_per_unit(header: Any) -> float:  # noqa: ANN401  nibabel is not typed
    return MM_PER_UNIT.get(int(header["xyzt_units"]) & SPATIAL_UNITS, 1.0)


def _convert_to_mm(header: Any, affine: Any) -> Array:  # noqa: ANN401  nibabel is not typed
    """Return the affine in mm: ITK converts the header's unit, nibabel does not (ITK 4595)."""
    in_mm: Array = np.array(affine, dtype=np.float64)
    in_mm[:3] *= _find_mm_per_unit(header)
    return in_mm


def _report_bad_affine(observed: str) -> BadInputError:
    return refuse(
        "affine_invalid", observed, "a finite, invertible affine", "a header written wrongly",
        "Download the file again, or restore its header.",
    )  # fmt: skip


def _describe_form_conflict(header: Any, affine: Array, size: tuple[int, int, int]) -> str | None:  # noqa: ANN401
    """Say where qform and sform (if both set) or pixdim and affine disagree; None: nowhere."""
    pixdim = [abs(float(p)) * _find_mm_per_unit(header) for p in header["pixdim"][1:4]]
    for axis, (stated, norm) in enumerate(zip(pixdim, measure_spacing(affine), strict=True)):
        if not abs(stated - norm) * size[axis] <= FORM_TOLERANCE_MM:
            return f"pixdim {stated:.6g} mm but affine {norm:.6g} mm along axis {axis}"
    if int(header["qform_code"]) > 0 and int(header["sform_code"]) > 0:
        try:
            qform = _convert_to_mm(header, header.get_qform())
        except _list_header_errors() as error:
            return f"qform cannot be read ({error})"
        distance = float(np.abs(find_corners(qform, size) - find_corners(affine, size)).max())
        if not distance <= FORM_TOLERANCE_MM:
            return f"qform and sform place a corner {distance:.3g} mm apart"
    return None


def _make_volume(header: Header, content: bytes, crc: int) -> Volume:
    flat = np.frombuffer(content, header.dtype, header.n_voxels, header.data_offset)
    if not header.dtype.isnative:
        flat = flat.astype(header.dtype.newbyteorder("="))
    return Volume(header, flat.reshape(header.size, order="F"), crc)
