"""The header columns that every table of NIfTI blobs shares."""

from __future__ import annotations

from collections.abc import Mapping

from etl.model.errors import Severity
from etl.model.findings import Finding
from etl.read.nifti import SPATIAL_UNITS, Header, Volume
from etl.tables.unit import Row


def describe_header(volume: Volume) -> Row:
    """Return the columns of schema.HEADER that follow from a blob's content."""
    header = volume.header
    affine = header.affine
    return {
        "content_crc32": volume.content_crc32,
        "content_bytes": header.content_bytes,
        "stored_dtype": header.dtype.newbyteorder("=").name,
        **{f"size_{axis}": n for axis, n in zip("xyz", header.size, strict=True)},
        **{f"spacing_{axis}_mm": s for axis, s in zip("xyz", header.spacing, strict=True)},
        "voxel_volume_mm3": header.voxel_volume_mm3,
        "orientation": header.orientation,
        "affine": [float(value) for value in affine.ravel()],
        "qform_code": header.qform_code,
        "sform_code": header.sform_code,
        "scl_slope": header.scl_slope,
        "scl_inter": header.scl_inter,
        "xyzt_units": header.xyzt_units,
        "extension_bytes": header.data_offset - header.header_bytes,
    }


def check_header(table: str, volume: Volume) -> list[Finding]:
    """Return a finding for each thing about the header that a reader must know."""
    header = volume.header
    checks: tuple[tuple[Severity, str, str | None, str, str, str], ...] = (
        (
            "critical", "forms_disagree", header.form_conflict,
            "qform, sform and pixdim that place the voxels alike (0.01 mm)",
            "a tool rewrote one of them",
            "Decide which one is right, correct the header, and adopt the file again.",
        ),
        (
            "warning", "no_orientation", _check_orientation(header),
            "a qform or an sform that says where the voxels lie",
            "a tool that wrote the voxels without their place",
            "Write it again from the image it belongs to; till then nibabel's guess places it.",
        ),
        (
            "info", "units_converted", _check_unit(header, {1: "metres", 3: "micrometres"}),
            "millimetres (2)", "a tool that writes another unit",
            "Nothing: all lengths are given in mm.",
        ),
        (
            "warning", "units_unknown",
            _check_unit(header, dict.fromkeys(range(4, 8), "no spatial unit of NIfTI-1.1")),
            "millimetres (2)", "a tool that writes another unit", "Taken as mm: check it.",
        ),
        (
            "info", "axes_dropped", _check_axes(header),
            f"3-D: read as {header.size}, the affine's columns belong to these axes",
            "an array saved with its channel, batch or time axis",
            "Nothing, if the mask or image lies where it should.",
        ),
    )  # fmt: skip
    return [
        Finding(table, severity, check, observed, expected, cause, fix)
        for severity, check, observed, expected, cause, fix in checks
        if observed is not None
    ]


def _check_orientation(header: Header) -> str | None:
    if header.qform_code > 0 or header.sform_code > 0:
        return None
    return "qform_code and sform_code are both 0: the header has no orientation"


def _check_unit(header: Header, names: Mapping[int, str]) -> str | None:
    """Return the header's unit where it is one of these; unknown (0) is read as mm by everybody."""
    name = names.get(header.xyzt_units & SPATIAL_UNITS)
    return name and f"xyzt_units {header.xyzt_units}: {name}"


def _check_axes(header: Header) -> str | None:
    if header.dim == header.size[: len(header.dim)]:
        return None
    return f"{len(header.dim)}-D of size {header.dim}"
