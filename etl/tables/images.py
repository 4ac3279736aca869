"""The table `images`."""

from __future__ import annotations

from functools import partial

import polars as pl

from etl.measure.intensity import digest_intensity, measure_intensity
from etl.model.findings import Finding
from etl.model.schema import CASE_ID, HEADER, Table, parse_columns
from etl.tables.copies import find_copies
from etl.tables.header import check_header, describe_header
from etl.tables.unit import Assembled, Context, Measured, Unit
from etl.tables.volumes import read_blob

TABLE = Table(
    name="images",
    grain="One row a DCE image",
    key=("case_id", "image_set", "phase"),
    columns=(
        CASE_ID,
        *parse_columns("""
        image_set string n3 (bias-corrected, native grid) or zscored (1 mm grid)
        phase int64 0 before contrast, 1 first and 2 second after contrast
        intensity_min double? Least finite scaled value
        intensity_max double? Greatest finite scaled value
        intensity_mean double? Mean of the finite scaled values
        intensity_std double? Standard deviation of the finite scaled values, ddof 0
        intensity_p01 double? 1st percentile, linear between order statistics
        intensity_p50 double? Median
        intensity_p99 double? 99th percentile, linear between order statistics
        n_nonfinite int64 [voxels] Voxels that are NaN or infinite
        n_at_dtype_max int64 [voxels] Stored integers at the data type's maximum; 0 for floats
        voxel_digest string Hash of size and scaled values (float32): equal for equal images
        """),
        *HEADER,
    ),
    per="blob",
    reads=("image_",),
    references={"case_id": "cases", "path": "blobs"},
    adds=("case_id", "image_set", "phase", "path", "blob_md5", "size_bytes"),
)


def measure(unit: Unit, context: Context) -> Measured:
    """Return header and intensity statistics of one image."""
    volume = read_blob(unit[0], context)
    intensity = measure_intensity(volume.voxels, *volume.header.scaling)
    values = {
        "intensity_min": intensity.minimum,
        "intensity_max": intensity.maximum,
        "intensity_mean": intensity.mean,
        "intensity_std": intensity.std,
        "intensity_p01": intensity.p01,
        "intensity_p50": intensity.p50,
        "intensity_p99": intensity.p99,
        "n_nonfinite": intensity.n_nonfinite,
        "n_at_dtype_max": intensity.n_at_dtype_max,
        "voxel_digest": digest_intensity(volume.voxels, *volume.header.scaling),
        **describe_header(volume),
    }
    notes = check_header("images", volume)
    lost = [
        name for name, value in values.items() if name.startswith("intensity_") and value is None
    ]
    if lost and intensity.n_nonfinite < volume.header.n_voxels:
        notes.append(_report_beyond_arithmetic(observed=f"no finite {', '.join(lost)}"))
    return Measured([values], notes)


_report_beyond_arithmetic = partial(
    Finding, TABLE.name, "warning", "beyond_arithmetic",
    expected="scaled values whose squares fit a 64-bit float",
    likely_cause="damaged voxels, or a slope that is wrong",
    fix="Look at the header's slope and the greatest voxels; correct the file and adopt it.",
)  # fmt: skip


def assemble(values: pl.DataFrame, context: Context) -> Assembled:
    """Return the images, and findings for those that hold the same voxels."""
    del context  # an image's row needs no other blob
    return Assembled(values, find_copies("images", "critical", values))
