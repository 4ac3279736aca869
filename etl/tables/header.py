"""The header columns that every table of NIfTI blobs shares."""

from __future__ import annotations

from etl.findings import Finding
from etl.read.nifti import DIMENSIONS, MM_PER_UNIT, SPATIAL_UNITS, Header, Volume
from etl.unit import Blob, Row

IDENTITY = ("path", "blob_md5", "size_bytes")


def header_columns(volume: Volume) -> Row:
    """The columns of schema.HEADER that follow from a blob's content."""
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


def identity_columns(blob: Blob) -> Row:
    """The columns of schema.HEADER that follow from where the blob lies."""
    return dict(zip(IDENTITY, (blob.path, blob.md5, blob.size_bytes), strict=True))


def form_findings(table: str, volume: Volume) -> list[Finding]:
    """Return a finding for each thing about the header that a reader must know."""
    header = volume.header
    found = [_unit(table, header), _orientation(table, header), _axes(table, header)]
    if header.form_conflict:
        found.append(
            Finding(
                table=table,
                severity="critical",
                check="forms_disagree",
                observed=header.form_conflict,
                expected="qform, sform and pixdim that place the voxels alike (0.01 mm)",
                likely_cause="a tool rewrote one of them",
                fix="Decide which one is right, correct the header, and adopt the file again.",
            )
        )
    return [finding for finding in found if finding]


def _unit(table: str, header: Header) -> Finding | None:
    code = header.xyzt_units & SPATIAL_UNITS
    if code in {0, 2}:  # unknown is read as mm by everybody
        return None
    is_known = code in MM_PER_UNIT
    return Finding(
        table=table,
        severity="info" if is_known else "warning",
        check="units_converted" if is_known else "units_unknown",
        observed=f"xyzt_units {header.xyzt_units}: "
        + ({1: "metres", 3: "micrometres"}.get(code) or "no spatial unit of NIfTI-1.1"),
        expected="millimetres (2)",
        likely_cause="a tool that writes another unit",
        fix="Nothing: all lengths are given in mm." if is_known else "Taken as mm: check it.",
    )


def _orientation(table: str, header: Header) -> Finding | None:
    if header.qform_code > 0 or header.sform_code > 0:
        return None
    return Finding(
        table=table,
        severity="warning",
        check="no_orientation",
        observed="qform_code and sform_code are both 0: the header has no orientation",
        expected="a qform or an sform that says where the voxels lie",
        likely_cause="a tool that wrote the voxels without their place",
        fix="Write the header again from the image it belongs to; until then the place is a guess"
        " (nibabel's default: centred, x to the left).",
    )


def _axes(table: str, header: Header) -> Finding | None:
    if header.dim[:DIMENSIONS] == header.size[: len(header.dim)]:
        return None
    return Finding(
        table=table,
        severity="info",
        check="axes_dropped",
        observed=f"{len(header.dim)}-D of size {header.dim}",
        expected=f"3-D: read as {header.size}, the affine's columns belong to these axes",
        likely_cause="an array saved with its channel or batch axis",
        fix="Nothing, if the mask or image lies where it should.",
    )
