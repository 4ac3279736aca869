"""The table `kinetics`: how the tumour of a case takes up contrast and lets it go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from etl.findings import Finding
from etl.measure.kinetics import PE_THRESHOLDS_PERCENT, Kinetics, measure_kinetics, shared_zero
from etl.read.nifti import is_same_grid
from etl.release import role
from etl.schema import CASE_ID, INPUTS_MD5, Table, parse_columns
from etl.tables import kinetics_findings as problems
from etl.tables.kinetics_signals import PHASES, Mask, Series, read_masks, read_series
from etl.unit import Blob, Context, Measured, Row, unit_key

FTV = "ftv"
N3, ZSCORED = "n3", "zscored"
IMAGE_SETS = (ZSCORED, N3)
PE_MIN = "kinetics.pe_min_percent"
N3_ZERO_LEVEL = 0.0  # of a magnitude image
QUARTILES = ("p25", "median", "p75")
VOLUMES = tuple(f"enhancing_volume_pe{least}_cm3" for least in PE_THRESHOLDS_PERCENT)

TABLE = Table(
    name="kinetics",
    grain="One row a case, mask and image set",
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


def measure(unit: tuple[Blob, ...], context: Context) -> Measured:
    """The kinetics of every mask of a case, from both image sets; one image in memory at a time."""
    names = sorted(str(blob.name.mask) for blob in unit if blob.name.mask is not None)
    if not names:
        return Measured()
    masks, findings = read_masks(names, unit, context)
    rows: list[Row] = []
    for image_set in IMAGE_SETS:
        series, found = read_series(image_set, masks, unit, context) if masks else (None, [])
        findings += found
        zero, found = _zero_level(image_set, series)
        findings += found
        for name in names:
            row = {"mask": name, "image_set": image_set, **dict.fromkeys(_OF_UNIT)}
            rows.append(row | (_values(name, series, masks, zero, context) if series else {}))
    return Measured(rows, findings + _lost(rows, masks))


def _zero_level(image_set: str, series: Series | None) -> tuple[float | None, list[Finding]]:
    if series is None:
        return None, []
    if image_set == N3:
        return N3_ZERO_LEVEL, []
    zero = shared_zero(series.minima)
    return zero, [] if zero is not None else [problems.zero_not_shared(series.minima)]


def _values(
    name: str,
    series: Series,
    masks: dict[str, Mask],
    zero: float | None,
    context: Context,
) -> Row:
    """The measured columns of a mask; no more than its voxels where there is no zero level."""
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
    found = measure_kinetics(series.signals[name], zero, context.param(PE_MIN))
    return of_grid | _columns(found, voxel_cm3)


def _columns(found: Kinetics, voxel_cm3: float) -> Row:
    volumes = [n * voxel_cm3 for n in found.n_reaching]
    return {
        "n_excluded_nonfinite": found.n_nonfinite,
        "n_excluded_low_s0": found.n_low_s0,
        "n_excluded_no_enhancement": found.n_no_enhancement,
        "n_enhancing": found.n_enhancing,
        "n_below_baseline": found.n_below_baseline,
        **_quartiles("pe_{}_percent", found.pe_percent),
        **_quartiles("ser_{}", found.ser),
        "washout_fraction": found.washout,
        "plateau_fraction": found.plateau,
        "persistent_fraction": found.persistent,
        **dict(zip(VOLUMES, volumes, strict=True)),
    }


def _quartiles(form: str, values: Sequence[float] | None) -> Row:
    return dict(zip(map(form.format, QUARTILES), values or (None,) * 3, strict=True))


def _lost(rows: list[Row], masks: dict[str, Mask]) -> list[Finding]:
    """Masks with foreground that lies outside the images altogether."""
    lost = {row["mask"] for row in rows if row["n_voxels"] == 0 and masks[row["mask"]].bits.any()}
    return [problems.mask_outside(f"mask_{name}") for name in sorted(lost)]


def assemble(measured: list[tuple[tuple[Blob, ...], Measured]], context: Context) -> Measured:
    """The rows with their case and its trial threshold; none of n3 with phases on other scales."""
    stretched = {row["case_id"]: row["is_stretched"] for row in context.table("phase_fits")}
    thresholds = _thresholds(context)
    rows: list[Row] = []
    findings: list[Finding] = []
    for unit, found in measured:
        case_id = str(unit[0].name.case_id)
        of_case = [_identified(row, unit) for row in found.rows]
        about = _without_n3(of_case, stretched.get(case_id))
        about += _checked(of_case, thresholds.get(case_id))
        findings += [replace(finding, case_id=case_id) for finding in about]
        rows += of_case
    return Measured(rows, findings)


def _identified(row: Row, unit: tuple[Blob, ...]) -> Row:
    md5s = {role(blob.name): blob.md5 for blob in unit}
    images = [f"image_{row['image_set']}_{phase}" for phase in PHASES]
    return {
        "case_id": unit[0].name.case_id,
        **row,
        "pe_threshold_percent": None,
        "share_at_trial_threshold": None,
        "mask_blob_md5": md5s[f"mask_{row['mask']}"],
        "image_blob_md5s": [md5s[name] for name in images if name in md5s],
        "inputs_md5": unit_key(unit),
    }


def _without_n3(rows: list[Row], is_stretched: bool | None) -> list[Finding]:  # noqa: FBT001
    """Take the measures out of the n3 rows, unless their phases are known to be on one scale."""
    doubtful = [row for row in rows if row["image_set"] == N3 and row["n_enhancing"] is not None]
    if is_stretched is False or not doubtful:
        return []
    for row in doubtful:
        row.update(dict.fromkeys(_MEASURES))
    return [problems.not_one_scale(is_known=is_stretched is not None)]


def _thresholds(context: Context) -> dict[str, int]:
    """Case -> the one threshold that the segmentations of its baseline study name."""
    found: dict[str, set[int]] = {}
    for row in context.table("acquisitions"):
        if row["is_baseline"] and row["pe_threshold_percent"] is not None:
            found.setdefault(row["case_id"], set()).add(row["pe_threshold_percent"])
    return {case_id: min(named) for case_id, named in found.items() if len(named) == 1}


def _checked(rows: list[Row], threshold: int | None) -> list[Finding]:
    """Give the ftv rows the trial's threshold and the share of voxels that reach it."""
    of_ftv = [row for row in rows if row["mask"] == FTV]
    if threshold is None or not of_ftv:
        return []
    for row in of_ftv:
        row["pe_threshold_percent"] = threshold
        reached = row.get(f"enhancing_volume_pe{threshold}_cm3")
        if reached is not None and row["n_voxels"]:
            row["share_at_trial_threshold"] = reached / row["mask_volume_cm3"]
    return [] if threshold in PE_THRESHOLDS_PERCENT else [problems.odd_threshold(threshold)]
