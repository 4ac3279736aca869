"""The table `phase_fits`: on which scale each phase of a case is."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial

import polars as pl

from etl.measure.phase_fit import MIN_VOXELS, Image, fit_phase
from etl.model.findings import Finding
from etl.model.release import name_role
from etl.model.schema import CASE_ID, INPUTS_MD5, Table, parse_columns
from etl.read.nifti import Volume
from etl.tables.assembly import add_blob_md5
from etl.tables.unit import Assembled, Context, Measured, Row, Unit
from etl.tables.volumes import open_volumes

MAX_DIFFERENCE, MIN_R_SQUARED = "phase_fits.max_slope_difference", "phase_fits.min_r_squared"

TABLE = Table(
    name="phase_fits",
    grain="One row per case and DCE phase",
    key=("case_id", "phase"),
    columns=(
        CASE_ID,
        *parse_columns("""
        phase int64 0 before contrast, 1 first and 2 second after contrast
        slope double? Slope of the z-scored image on the N3 image at the 1 mm voxel centres
            (trilinear); null where one of the images is missing or unreadable, or no line can be
            drawn
        intercept double? Z-score at the N3 value 0 on that line
        r_squared double? Squared correlation of the voxels that the line is from
        n_voxels int64? [voxels] Voxels that the line is from: of every k-th 1 mm plane (1 million
            voxels at most), inside the N3 grid, above a tenth of the N3 image's 99th percentile,
            below the top of its data type, finite, near the line
        n_outliers int64? [voxels] Voxels that were left out as more than 3 standard deviations off
            the line
        relative_slope double? Slope over the least slope of the case's usable phases; null where
            this phase's line is not usable: r_squared below phase_fits.min_r_squared, or it falls
        slope_difference double? Greatest over least slope of the case's usable phases, minus 1;
            null below two
        is_stretched bool? slope_difference is above phase_fits.max_slope_difference: the N3 phases
            are on different scales; null where that is unknown, as not all phases are usable
        n3_blob_md5 string? MD5 of the N3 image
        zscored_blob_md5 string? MD5 of the z-scored image
        """),
        INPUTS_MD5,
    ),
    per="case",
    reads=("image_",),
    references={"case_id": "cases"},
    params=(MAX_DIFFERENCE, MIN_R_SQUARED),
    adds=(
        "case_id",
        "relative_slope",
        "slope_difference",
        "is_stretched",
        "n3_blob_md5",
        "zscored_blob_md5",
        "inputs_md5",
    ),
)


_NO_FIT: Row = dict.fromkeys(("slope", "intercept", "r_squared", "n_voxels", "n_outliers"))


def measure(unit: Unit, context: Context) -> Measured:
    """Return the line of each phase; the images of one phase in memory at a time."""
    if not {"native", "normalized"} <= context.profile.sets.keys():
        return Measured()
    fits = [_fit_phase(phase, unit, context) for phase in context.profile.phases]
    return Measured([row for row, _ in fits], [f for _, listed in fits for f in listed])


def _fit_phase(phase: int, unit: Unit, context: Context) -> tuple[Row, list[Finding]]:
    sets = context.profile.sets
    n3, zscored = roles = tuple(f"image_{sets[s]}_{phase}" for s in ("native", "normalized"))
    present = {name_role(blob.name) for blob in unit}
    row: Row = {"phase": phase, **_NO_FIT}
    missing = [name for name in roles if name not in present]
    if missing:
        return row, [_report_missing(observed=f"no {name}", path=name) for name in missing]
    volumes, findings = open_volumes(TABLE.name, unit, context, roles)
    if len(volumes) < len(roles):
        return row, findings
    fit = fit_phase(_read_image(volumes[n3]), _read_image(volumes[zscored]))
    if fit is None:
        return row, [_report_impossible(path=n3)]
    is_usable = fit.slope > 0 and fit.r_squared >= context.param(MIN_R_SQUARED)
    observed = f"r squared {fit.r_squared:.3f}, slope {fit.slope:.3g}"
    poor = [] if is_usable else [_report_poor(observed=observed, path=n3)]
    return row | asdict(fit), poor


def _read_image(volume: Volume) -> Image:
    return Image(volume.voxels, volume.header.affine, volume.header.scaling)


_report_missing = partial(
    Finding, TABLE.name, "info", "phase_without_image",
    expected="an N3 and a z-scored image of each phase",
    likely_cause="a release in part",
    fix="The scale of this phase is unknown without it: download the image and adopt it.",
)  # fmt: skip
_report_impossible = partial(
    Finding, TABLE.name, "warning", "phase_without_line",
    observed=f"fewer than {MIN_VOXELS} voxels with signal on both grids, or all alike",
    expected="an N3 image of the place that the z-scored image shows",
    likely_cause="images of different cases, or an image without content",
    fix="Compare the two images in a viewer; download the case again.",
)  # fmt: skip
_report_poor = partial(
    Finding, TABLE.name, "warning", "phase_off_line",
    expected="a z-scored image that follows from the N3 image: one rising line",
    likely_cause="images of different cases or phases, or an image that was changed",
    fix="Compare the two images in a viewer; download the case again.",
)  # fmt: skip


def assemble(values: pl.DataFrame, context: Context) -> Assembled:
    """Return the lines, and whether the phases of each case are on one scale."""
    rows = compare_phases(values, context.param(MIN_R_SQUARED), context.param(MAX_DIFFERENCE))
    for column, role in (("n3_blob_md5", "native"), ("zscored_blob_md5", "normalized")):
        image = pl.format(f"image_{context.profile.sets.get(role, '')}_{{}}", "phase")
        rows = add_blob_md5(rows, context, column, image)
    return Assembled(rows)


def compare_phases(
    lines: pl.DataFrame, min_r_squared: float, max_difference: float
) -> pl.DataFrame:
    """Return lines with `relative_slope`, `slope_difference` and `is_stretched` of their case."""
    slope = pl.col("slope")
    usable = pl.when((slope > 0) & (pl.col("r_squared") >= min_r_squared)).then(slope)
    lowest, highest = usable.min().over("case_id"), usable.max().over("case_id")
    n_usable = usable.count().over("case_id")
    difference = pl.when(n_usable > 1).then(highest / lowest - 1)
    is_above = difference > max_difference
    # Two phases are enough to say yes; to say no, all are needed.
    is_known = is_above | (n_usable == pl.len().over("case_id"))
    return lines.with_columns(
        (usable / lowest).alias("relative_slope"),
        difference.alias("slope_difference"),
        pl.when(is_known).then(is_above).alias("is_stretched"),
    )
