"""The table `captk_features`: the published features, computed again by CaPTk's own definitions.

What the publisher measured is not known for sure: the paper says 1 mm z-scored images, the volumes
say the native grid. So each feature is computed on both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain
from math import isfinite

import numpy as np
import polars as pl

from etl.measure.captk_glcm import measure_glcm
from etl.measure.captk_histogram import measure_histogram
from etl.measure.captk_intensity import Values, measure_intensities
from etl.measure.captk_shape import measure_morphologic, measure_volumetric
from etl.measure.mask import Foreground, crop, find_components
from etl.model.findings import Finding
from etl.model.profile import Profile
from etl.model.release import Name, name_role
from etl.model.schema import CASE_ID, INPUTS_MD5, Table, parse_columns
from etl.read.nifti import Header, Volume
from etl.tables.assembly import add_blob_md5
from etl.tables.case_masks import carry_to_grid, read_masks
from etl.tables.unit import Assembled, Context, Measured, Row, Unit
from etl.tables.volumes import open_volumes

TABLE = Table(
    name="captk_features",
    grain="One row per case, input and feature that the publisher's definition can be computed for",
    key=("case_id", "image_set", "phase", "mask", "feature"),
    columns=(
        CASE_ID,
        *parse_columns("""
        image_set string zscored (1 mm grid) or n3 (native grid)
        phase int64 DCE phase of the image: 1, the first after contrast
        mask string Mask that was measured; carried to the image's grid from another one
        feature string Name as the publisher spells it
        value double? The feature; null where the definition divides by zero
        grid_role string Blob whose voxel grid was used, such as image_n3_1
        mask_blob_md5 string MD5 of the mask's blob
        image_blob_md5 string? MD5 of the image's blob; null where none is needed
        grid_blob_md5 string MD5 of the blob whose voxel grid was used
        """),
        INPUTS_MD5,
    ),
    per="case",
    reads=("mask", "image_"),
    references={"case_id": "cases"},
    adds=("case_id", "mask_blob_md5", "image_blob_md5", "grid_blob_md5", "inputs_md5"),
)


# The publisher measured one phase and one mask (data descriptor, Chitalia et al. 2022).
PHASE = 1
# The images that may have been measured, and the mask that shows their grid as well.
GRIDS = {"normalized": "expert", "native": "functional"}

# How the publisher's names begin, by family (features workbook).
INTENSITY = "T1_E_Intensity_"
HISTOGRAM = "T1_E_Histogram_Bins-128_Bins-128_"
VOLUMETRIC = "T1_E_Volumetric_"
MORPHOLOGIC = "T1_E_Morphologic_"
GLCM = "T1_E_GLCM_Bins-128_Radius-1_"
MAX_FLOAT32 = float(np.finfo(np.float32).max)  # CaPTk holds voxels as float32
OF_IMAGE = (INTENSITY, HISTOGRAM, GLCM)


def wants(name: Name, params: Mapping[str, object], profile: Profile) -> bool:
    """Return the expert's mask, the images of phase 1, and the mask that shows the native grid."""
    del params
    expert = f"mask_{profile.sets.get('expert', '')}"
    return name_role(name) in {expert, *chain(*_list_grids(profile).values())}


def _list_grids(profile: Profile) -> dict[str, tuple[str, str]]:
    """Return image set -> the blobs that show its grid: the image, and a mask."""
    return {
        profile.sets[images]: (
            f"image_{profile.sets[images]}_{PHASE}",
            f"mask_{profile.sets.get(mask, '')}",
        )
        for images, mask in GRIDS.items()
        if images in profile.sets
    }


@dataclass(frozen=True, slots=True)
class _Candidate:
    """The mask on the grid of one candidate input."""

    image_set: str
    mask: str
    grid_role: str
    header: Header
    foreground: Foreground
    image: Volume | None


def measure(unit: Unit, context: Context) -> Measured:
    """Return every definition on every candidate input of one case."""
    out = Measured()
    expert = context.profile.sets.get("expert")
    if expert is None:
        return out

    def report_lack(role: str, consequence: str, refused: list[Finding]) -> None:
        observed = f"no {role}: {consequence}"
        missing = _report_missing(observed=observed, expected=role, path=role)
        out.findings.extend(refused or [missing])

    def read(role: str, consequence: str) -> Volume | None:
        volumes, refused = open_volumes(TABLE.name, unit, context, [role])
        if role not in volumes:
            report_lack(role, consequence, refused)
        return volumes.get(role)

    masks, refused = read_masks(TABLE.name, [expert], unit, context)
    if expert not in masks:
        report_lack(f"mask_{expert}", "nothing is computed", refused)
        return out
    for image_set, (image_role, mask_role) in _list_grids(context.profile).items():
        image = read(image_role, "what needs its voxels is not computed")
        shown = image or read(mask_role, "there is no native grid")
        if shown is None:
            continue
        grid_role = image_role if image else mask_role
        foreground = crop(carry_to_grid(masks[expert], shown.header))
        if foreground is None:
            out.findings.append(_report_empty(grid_role, expert))
            continue
        candidate = _Candidate(image_set, expert, grid_role, shown.header, foreground, image)
        out.rows.extend(_make_rows(candidate, out.findings))
    return out


def _make_rows(candidate: _Candidate, findings: list[Finding]) -> Iterator[Row]:
    """Yield the features of one input."""
    for prefix, values in _measure_families(candidate, findings):
        for statistic, value in values.items():
            yield {
                "image_set": candidate.image_set,
                "phase": PHASE,
                "mask": candidate.mask,
                "feature": prefix + statistic,
                "value": value if isfinite(value) else None,
                "grid_role": candidate.grid_role,
            }


def _measure_families(
    candidate: _Candidate, findings: list[Finding]
) -> Iterator[tuple[str, Values]]:
    """Start of the names and values of each family; without an image those of the mask alone."""
    foreground, header = candidate.foreground, candidate.header
    yield VOLUMETRIC, measure_volumetric(foreground.voxel_count, header.voxel_volume_mm3)
    yield MORPHOLOGIC, measure_morphologic(find_components(foreground).largest, header.spacing)
    if candidate.image is None:
        return
    slope, inter = candidate.image.header.scaling
    values = candidate.image.voxels[foreground.slices] * np.float64(slope) + inter
    region = values[foreground.inside]
    n_nonfinite = int(np.count_nonzero(~(np.abs(region) <= MAX_FLOAT32)))
    if n_nonfinite:
        observed = f"{n_nonfinite} voxels inside {candidate.mask} are NaN or infinite as float32"
        findings.append(_report_nonfinite(observed=observed, path=candidate.grid_role))
        return
    yield INTENSITY, measure_intensities(region)
    yield HISTOGRAM, measure_histogram(region)
    yield GLCM, measure_glcm(values, foreground.inside)


# What a missing file costs here; contracts of coverage judge that it is missing.
_report_missing = partial(
    Finding, TABLE.name, "info", "input_missing",
    likely_cause="a download of a part of the release",
    fix="Adopt the file, if you have it.",
)  # fmt: skip
_report_nonfinite = partial(
    Finding, TABLE.name, "warning", "nonfinite_in_region",
    expected="voxels that float32 holds",
    likely_cause="an image that was processed again",
    fix="Take the publisher's image: no feature of these voxels is computed.",
)  # fmt: skip


def _report_empty(grid_role: str, mask: str) -> Finding:
    return Finding(
        table=TABLE.name,
        severity="warning",
        check=f"mask_empty_on_grid:{grid_role}",
        observed=f"no voxel of {mask} on the grid of {grid_role}",
        expected="a mask with foreground",
        likely_cause="an empty mask, one of a few voxels, or one that lies outside the grid",
        fix="Look at the mask: no feature of it is computed on this grid.",
        path=f"mask_{mask}",
    )


def assemble(values: pl.DataFrame, context: Context) -> Assembled:
    """Return the features with the blobs behind them."""
    is_of_image = pl.any_horizontal(pl.col("feature").str.starts_with(p) for p in OF_IMAGE)
    image = pl.when(is_of_image).then(pl.format("image_{}_{}", "image_set", "phase"))
    rows = add_blob_md5(values, context, "mask_blob_md5", pl.format("mask_{}", "mask"))
    rows = add_blob_md5(rows, context, "image_blob_md5", image)
    return Assembled(add_blob_md5(rows, context, "grid_blob_md5", pl.col("grid_role")))
