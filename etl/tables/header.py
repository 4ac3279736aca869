"""The header columns that every table of NIfTI blobs shares."""

from __future__ import annotations

from etl.findings import Finding
from etl.read.nifti import Volume
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
    """A finding where qform and sform (both set) or pixdim and affine disagree."""
    conflict = volume.header.form_conflict
    if conflict is None:
        return []
    return [
        Finding(
            table=table,
            severity="critical",
            check="forms_disagree",
            observed=conflict,
            expected="qform, sform and pixdim that place the voxels alike (0.01 mm)",
            likely_cause="a tool rewrote one of them",
            fix="Decide which one is right, correct the header, and adopt the file again.",
        )
    ]
