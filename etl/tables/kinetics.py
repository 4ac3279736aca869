"""The table `kinetics`: how the tumour of a case takes up contrast and lets it go."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from etl.measure.grids import is_same_grid
from etl.measure.kinetics import PE_THRESHOLDS_PERCENT, Kinetics, find_shared_zero, measure_kinetics
from etl.model.findings import Finding
from etl.model.schema import CASE_ID, INPUTS_MD5, Table, parse_columns
from etl.tables import kinetics_findings as problems
from etl.tables.assembly import add_blob_md5
from etl.tables.case_masks import Mask, list_masks, read_masks
from etl.tables.kinetics_signals import PHASES, Series, read_series
from etl.tables.unit import Assembled, Context, Measured, Row, Unit

PE_MIN = "kinetics.pe_min_percent"
THRESHOLD = "pe_threshold_percent"
N3_ZERO_LEVEL = 0.0  # of a magnitude image
QUARTILES = ("p25", "median", "p75")
VOLUMES = tuple(f"enhancing_volume_pe{least}_cm3" for least in PE_THRESHOLDS_PERCENT)

TABLE = Table(
    name="kinetics",
    grain="One row per case, mask and image set",
    key=("case_id", "mask", "image_set"),
    columns=(
        CASE_ID,
        *parse_columns("""
        mask string ftv, stv_manual, stv_resunet, or a user's own masks_<name>
        image_set string Images that the signals are from: zscored (1 mm grid; the ones to use), or
            n3 (native grid; all measures null where the phases are on different scales or where
            that is unknown, see phase_fits)
        is_carried bool? The mask lies on another grid and was carried to that of the images
            (nearest voxel by world coordinates); null where mask or images cannot be used
        zero_level double? Value of a voxel without signal: the minimum that the three z-scored
            phases share within 1e-5, and 0 for n3
        n_voxels int64? [voxels] Foreground of the mask on the images' grid
        mask_volume_cm3 double? [cm3] Volume of these voxels
        n_excluded_nonfinite int64? [voxels] Of n_voxels, a phase is NaN or infinite
        n_excluded_low_s0 int64? [voxels] Of n_voxels, S0 is at or below the zero level: no
            enhancement can be told
        n_excluded_no_enhancement int64? [voxels] Of n_voxels, PE is below kinetics.pe_min_percent,
            or S1 not above S0: no SER
        n_enhancing int64? [voxels] The others: n_voxels less the three counts of excluded voxels
        n_below_baseline int64? [voxels] Enhancing voxels with S2 at or below S0: washout without
            SER
        pe_p25_percent double? [percent] 25th percentile of PE = 100 (S1 - S0) / S0 over the voxels
            with S0 above the zero level; null where there is none
        pe_median_percent double? [percent] Median of PE = 100 (S1 - S0) / S0 over the voxels with
            S0 above the zero level; null where there is none
        pe_p75_percent double? [percent] 75th percentile of PE = 100 (S1 - S0) / S0 over the voxels
            with S0 above the zero level; null where there is none
        ser_p25 double? 25th percentile of SER = (S1 - S0) / (S2 - S0) over the enhancing voxels
            with S2 above S0; null where there is none
        ser_median double? Median of SER = (S1 - S0) / (S2 - S0) over the enhancing voxels with S2
            above S0; null where there is none
        ser_p75 double? 75th percentile of SER = (S1 - S0) / (S2 - S0) over the enhancing voxels
            with S2 above S0; null where there is none
        washout_fraction double? Share of the enhancing voxels with SER above 1.1, or with S2 at or
            below S0; null where none enhances
        plateau_fraction double? Share of the enhancing voxels with SER from 0.9 to 1.1
        persistent_fraction double? Share of the enhancing voxels with SER below 0.9
        enhancing_volume_pe70_cm3 double? [cm3] Volume of the mask's voxels with PE of at least 70
            percent
        enhancing_volume_pe90_cm3 double? [cm3] Volume of the mask's voxels with PE of at least 90
            percent
        enhancing_volume_pe100_cm3 double? [cm3] Volume of the mask's voxels with PE of at least 100
            percent
        enhancing_volume_pe140_cm3 double? [cm3] Volume of the mask's voxels with PE of at least 140
            percent
        pe_threshold_percent int64? [percent] For ftv: enhancement threshold of the trial's own
            segmentation of the baseline study; null for other masks, and where acquisitions names
            none or several
        share_at_trial_threshold double? For ftv: share of n_voxels that reach that threshold, as a
            check; the published mask was made from other voxel values, so expect less than 1
        mask_blob_md5 string MD5 of the mask
        image_blob_md5s list<string> MD5s of the images, by phase
        """),
        INPUTS_MD5,
    ),
    per="case",
    reads=("image_", "mask"),
    needs=("phase_fits", "acquisitions"),
    references={"case_id": "cases"},
    params=(PE_MIN,),
    adds=(
        "case_id",
        "pe_threshold_percent",
        "share_at_trial_threshold",
        "mask_blob_md5",
        "image_blob_md5s",
        "inputs_md5",
    ),
)


_OF_UNIT = tuple(c.name for c in TABLE.columns if c.nullable and c.name not in TABLE.adds)
# What stays of an n3 row whose phases cannot be compared.
_OF_GRID = ("is_carried", "zero_level", "n_voxels", "mask_volume_cm3")
_MEASURES = tuple(name for name in _OF_UNIT if name not in _OF_GRID)


def measure(unit: Unit, context: Context) -> Measured:
    """Measure the kinetics of every mask of a case, from both image sets, an image at a time."""
    names = list_masks(unit)
    if not names:
        return Measured()
    masks, findings = read_masks(TABLE.name, names, unit, context)
    rows: list[Row] = []
    sets = context.profile.sets
    for role in ("normalized", "native"):
        if role not in sets:
            continue
        image_set = sets[role]
        series, series_findings = (
            read_series(image_set, masks, unit, context) if masks else (None, [])
        )
        findings += series_findings
        zero, series_findings = _find_zero_level(series, is_native=role == "native")
        findings += series_findings
        for name in names:
            row = {"mask": name, "image_set": image_set, **dict.fromkeys(_OF_UNIT)}
            rows.append(
                row | (_measure_values(name, series, masks, zero, context) if series else {})
            )
    return Measured(rows, findings + _report_lost(rows, masks))


def _find_zero_level(
    series: Series | None, *, is_native: bool
) -> tuple[float | None, list[Finding]]:
    if series is None:
        return None, []
    if is_native:
        return N3_ZERO_LEVEL, []
    zero = find_shared_zero(series.minima)
    if zero is not None:
        return zero, []
    minima = ", ".join(f"{value:.7g}" for value in series.minima)
    return None, [problems.report_zero_not_shared(observed=f"minima {minima}")]


def _measure_values(
    name: str,
    series: Series,
    masks: dict[str, Mask],
    zero: float | None,
    context: Context,
) -> Row:
    """Return a mask's measured columns; its voxels alone where there is no zero level."""
    if name not in masks:
        return {}
    n_voxels, voxel_cm3 = int(series.places[name].size), series.header.voxel_volume_mm3 / 1000
    of_grid: Row = {
        "is_carried": not is_same_grid(masks[name].header.grid, series.header.grid),
        "zero_level": zero,
        "n_voxels": n_voxels,
        "mask_volume_cm3": n_voxels * voxel_cm3,
    }
    if zero is None:
        return of_grid
    kinetics = measure_kinetics(series.signals[name], zero, context.param(PE_MIN))
    return of_grid | _name_columns(kinetics, voxel_cm3)


def _name_columns(kinetics: Kinetics, voxel_cm3: float) -> Row:
    volumes = [n * voxel_cm3 for n in kinetics.n_reaching]
    return {
        "n_excluded_nonfinite": kinetics.n_nonfinite,
        "n_excluded_low_s0": kinetics.n_low_s0,
        "n_excluded_no_enhancement": kinetics.n_no_enhancement,
        "n_enhancing": kinetics.n_enhancing,
        "n_below_baseline": kinetics.n_below_baseline,
        **_name_quartiles("pe_{}_percent", kinetics.pe_percent),
        **_name_quartiles("ser_{}", kinetics.ser),
        "washout_fraction": kinetics.washout,
        "plateau_fraction": kinetics.plateau,
        "persistent_fraction": kinetics.persistent,
        **dict(zip(VOLUMES, volumes, strict=True)),
    }


def _name_quartiles(form: str, values: Sequence[float] | None) -> Row:
    return dict(zip(map(form.format, QUARTILES), values or (None,) * 3, strict=True))


def _report_lost(rows: list[Row], masks: dict[str, Mask]) -> list[Finding]:
    """Return masks with foreground that lies outside the images altogether."""
    lost = {row["mask"] for row in rows if row["n_voxels"] == 0 and masks[row["mask"]].bits.any()}
    return [problems.report_mask_outside(path=f"mask_{name}") for name in sorted(lost)]


def assemble(values: pl.DataFrame, context: Context) -> Assembled:
    """Return the rows with the trial's threshold; none of n3 with phases on other scales."""
    fits = context.table("phase_fits").select("case_id", "is_stretched").unique("case_id")
    of_cases = fits.join(_find_thresholds(context), on="case_id", how="full", coalesce=True)
    joined = values.join(of_cases, on="case_id", how="left", maintain_order="left")
    sets = context.profile.sets
    is_of_trial = pl.col("mask") == sets.get("functional", "")
    is_doubtful = (
        (pl.col("image_set") == sets.get("native", ""))
        & pl.col("n_enhancing").is_not_null()
        & pl.col("is_stretched").fill_null(value=True)
    )
    findings = _report_scales(joined.filter(is_doubtful), sets.get("normalized", ""))
    findings += _check_thresholds(joined.filter(is_of_trial))
    trusted = (pl.when(~is_doubtful).then(pl.col(name)).alias(name) for name in _MEASURES)
    threshold = pl.when(is_of_trial).then(pl.col(THRESHOLD))
    rows = joined.with_columns(*trusted, threshold.alias(THRESHOLD)).with_columns(
        pl.when(pl.col("n_voxels") > 0)
        .then(_sum_reached_cm3() / pl.col("mask_volume_cm3"))
        .alias("share_at_trial_threshold")
    )
    rows = add_blob_md5(rows, context, "mask_blob_md5", pl.format("mask_{}", "mask"))
    images = [f"MD5 of phase {phase}" for phase in PHASES]
    for phase, column in zip(PHASES, images, strict=True):
        rows = add_blob_md5(rows, context, column, pl.format(f"image_{{}}_{phase}", "image_set"))
    md5s = pl.concat_list(images).list.drop_nulls().alias("image_blob_md5s")
    return Assembled(rows.with_columns(md5s), findings)


def _find_thresholds(context: Context) -> pl.DataFrame:
    """Return the cases whose baseline study's segmentations name one threshold, and it."""
    named = context.table("acquisitions").filter(pl.col("is_baseline"))
    named = named.select("case_id", THRESHOLD).drop_nulls().unique()
    return named.filter(pl.col("case_id").is_unique())


def _sum_reached_cm3() -> pl.Expr:
    """Return the volume of a row's voxels that reach its threshold; null for an odd one."""
    volumes = zip(PE_THRESHOLDS_PERCENT, VOLUMES, strict=True)
    return pl.coalesce(pl.when(pl.col(THRESHOLD) == at).then(pl.col(name)) for at, name in volumes)


def _report_scales(doubtful: pl.DataFrame, better: str) -> list[Finding]:
    cases = doubtful.select("case_id", "is_stretched").unique().sort("case_id")
    report = {True: problems.report_stretched, None: problems.report_unknown_scale}
    fix = f"Use the row of image set {better}: its phases share one scale."
    return [
        report[is_stretched](fix=fix, case_id=case_id)
        for case_id, is_stretched in cases.iter_rows()
    ]


def _check_thresholds(rows: pl.DataFrame) -> list[Finding]:
    is_odd = ~pl.col(THRESHOLD).is_in(PE_THRESHOLDS_PERCENT)
    odd = rows.filter(is_odd).select("case_id", THRESHOLD).unique().sort("case_id")
    return [
        problems.report_odd_threshold(observed=f"{threshold} percent", case_id=case_id)
        for case_id, threshold in odd.iter_rows()
    ]
