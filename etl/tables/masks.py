"""The table `masks`."""

from __future__ import annotations

import numpy as np
import polars as pl

from etl.measure.arrays import Array
from etl.measure.grids import Grid, is_same_grid, to_world
from etl.measure.mask import (
    Foreground,
    crop,
    digest_voxels,
    find_centroid,
    find_components,
    find_foreground,
    list_stored_values,
    scale_values,
    touches_border,
)
from etl.measure.shape import measure_max_diameter, measure_shape
from etl.model.errors import BadInputError
from etl.model.findings import Finding, make_finding
from etl.model.schema import CASE_ID, HEADER, Table, parse_columns
from etl.read.nifti import Volume
from etl.tables.copies import find_copies
from etl.tables.header import check_header, describe_header
from etl.tables.own_masks import select_own_foreground
from etl.tables.unit import Assembled, Context, Measured, Row, Unit
from etl.tables.volumes import read_blob

TABLE = Table(
    name="masks",
    grain="One row per tumour mask",
    key=("case_id", "mask"),
    columns=(
        CASE_ID,
        *parse_columns("""
        mask string ftv, stv_manual, stv_resunet, or a user's own masks_<name>
        stored_values list<double>? Distinct stored values, ascending; null past 16
        scaled_values list<double>? The same with slope and intercept, ascending; 0 is background;
            null past 16
        foreground_rule string? Of a user's own set: which scaled values are foreground
            (params.yaml, mask_sets)
        voxel_digest string? Hash of size and foreground bits: equal for equal masks
        n_nonfinite int64 [voxels] Voxels that are NaN or infinite: never foreground
        voxel_count int64? [voxels] Voxels whose scaled value is finite and not 0, or by
            foreground_rule; like all that follows null where a user's own mask holds several values
            and has no rule
        volume_cm3 double? [cm3] voxel_count x voxel_volume_mm3 / 1000
        n_components int64? Face-connected components
        largest_component_voxel_count int64? [voxels] Voxels of the largest component
        largest_component_fraction double? Share of the foreground in the largest component
        bbox_min_x int64? [voxels] min voxel index of the foreground along array axis x, inclusive
        bbox_min_y int64? [voxels] min voxel index of the foreground along array axis y, inclusive
        bbox_min_z int64? [voxels] min voxel index of the foreground along array axis z, inclusive
        bbox_max_x int64? [voxels] max voxel index of the foreground along array axis x, inclusive
        bbox_max_y int64? [voxels] max voxel index of the foreground along array axis y, inclusive
        bbox_max_z int64? [voxels] max voxel index of the foreground along array axis z, inclusive
        centroid_r_mm double? [mm] Mean of the foreground voxel centres along world axis R (RAS+)
        centroid_a_mm double? [mm] Mean of the foreground voxel centres along world axis A (RAS+)
        centroid_s_mm double? [mm] Mean of the foreground voxel centres along world axis S (RAS+)
        mesh_volume_mm3 double? [mm3] Volume inside the marching-cubes mesh at 0.5 (IBSI
            morph_volume)
        surface_area_mm2 double? [mm2] Area of that mesh (IBSI morph_area_mesh)
        sphericity double? (36 pi V^2)^(1/3) / A with mesh volume (IBSI morph_sphericity)
        max_diameter_mm double? [mm] Largest distance between mesh vertices (IBSI morph_diam)
        largest_component_max_diameter_mm double? [mm] The same for the largest component alone
        touches_border bool? Has a voxel at the first or last index of an axis
        matches_image_grid bool? Same size and corners (0.01 mm) as the case's images of that grid;
            null without such an image
        """),
        *HEADER,
    ),
    per="blob",
    reads=("mask",),
    needs=("images",),
    references={"case_id": "cases", "path": "blobs"},
    adds=("case_id", "mask", "matches_image_grid", "path", "blob_md5", "size_bytes"),
)


_STARTS = ("largest_", "bbox_", "centroid_", "mesh_", "surface_", "sphericity", "max_diameter")
_MEASURES_OF_FOREGROUND = tuple(
    column.name for column in TABLE.columns if column.nullable and column.name.startswith(_STARTS)
)
_MEASURES = ("voxel_digest", "voxel_count", "volume_cm3", "n_components", "touches_border")


def measure(unit: Unit, context: Context) -> Measured:
    """Return header, foreground, components and shape of one mask."""
    blob = unit[0]
    volume = read_blob(blob, context)
    slope, inter = volume.header.scaling
    bits, n_nonfinite = find_foreground(volume.voxels, slope, inter)
    stored = list_stored_values(volume.voxels, crop(bits), inter)
    row: Row = {
        "stored_values": stored,
        "scaled_values": scale_values(stored, volume.header.dtype, slope, inter),
        "foreground_rule": blob.rule or None,
        "n_nonfinite": n_nonfinite,
        **dict.fromkeys((*_MEASURES, *_MEASURES_OF_FOREGROUND)),
        **describe_header(volume),
    }
    findings = check_header("masks", volume)
    try:
        is_declared = blob.name.mask in context.profile.masks
        row |= _measure_values(bits if is_declared else select_own_foreground(volume, blob), volume)
    except BadInputError as error:
        findings.append(make_finding("masks", error))
    return Measured([row], findings)


def _measure_values(bits: Array, volume: Volume) -> Row:
    foreground = crop(bits)
    count = foreground.voxel_count if foreground else 0
    return {
        "voxel_digest": digest_voxels(bits),
        "voxel_count": count,
        "volume_cm3": count * volume.header.voxel_volume_mm3 / 1000,
        "n_components": 0,
        "touches_border": touches_border(foreground, volume.header.size),
        **(_measure_foreground(foreground, volume.header.affine) if foreground else {}),
    }


def _measure_foreground(foreground: Foreground, affine: Array) -> Row:
    parts = find_components(foreground)
    shape = measure_shape(foreground, affine)
    alone = (
        shape.max_diameter_mm if parts.count == 1 else measure_max_diameter(parts.largest, affine)
    )
    centroid = to_world(find_centroid(foreground), affine)[0]
    first, last = foreground.box
    return {
        "n_components": parts.count,
        "largest_component_voxel_count": parts.largest.voxel_count,
        "largest_component_fraction": parts.largest.voxel_count / foreground.voxel_count,
        **{f"bbox_min_{axis}": n for axis, n in zip("xyz", first, strict=True)},
        **{f"bbox_max_{axis}": n for axis, n in zip("xyz", last, strict=True)},
        **{f"centroid_{axis}_mm": float(v) for axis, v in zip("ras", centroid, strict=True)},
        "mesh_volume_mm3": shape.mesh_volume_mm3,
        "surface_area_mm2": shape.surface_area_mm2,
        "sphericity": shape.sphericity,
        "max_diameter_mm": shape.max_diameter_mm,
        "largest_component_max_diameter_mm": alone,
    }


def assemble(values: pl.DataFrame, context: Context) -> Assembled:
    """Return the masks, and whether they lie on the grid of the case's images."""
    images = context.table("images")
    grids = _list_image_grids(images, context)
    matches = [_matches(row, grids, context) for row in values.iter_rows(named=True)]
    rows = values.with_columns(pl.Series("matches_image_grid", matches, pl.Boolean))
    own_masks = rows.filter(~pl.col("mask").is_in(list(context.profile.masks)))
    filled = rows.filter(pl.col("voxel_count") > 0)  # empty masks are all alike
    copies = find_copies("masks", "warning", filled, frozenset(own_masks["mask"]))
    cases = set(images["case_id"])
    about_own = [f for row in own_masks.iter_rows(named=True) for f in _check_own_mask(row, cases)]
    return Assembled(rows, [*copies, *about_own])


def _check_own_mask(row: Row, cases_with_images: set[str]) -> list[Finding]:
    """Return warnings about a mask of the user's own, on which no contract is."""
    wrong = {
        "own_mask_without_images": (
            row["case_id"] not in cases_with_images,
            "no image of this case",
            "a mask of a case that the release has images of",
        ),
        "own_mask_off_grid": (
            row["matches_image_grid"] is False,
            f"{row['size_x']} x {row['size_y']} x {row['size_z']} voxels, or moved",
            "the grid of the case's n3 or z-scored images",
        ),
        "own_mask_empty": (row["voxel_count"] == 0, "no foreground voxel", "a tumour"),
        "own_mask_fills_image": (
            _fills_image(row),
            "foreground from the first to the last index of every axis",
            "a tumour inside the image",
        ),
    }
    return [
        Finding(
            table="masks",
            severity="warning",
            check=check,
            observed=observed,
            expected=expected,
            likely_cause="an export of another image, or background taken for foreground",
            fix=f"Write the mask again and run `ispy1 adopt --mask-set {row['mask']} PATH`.",
            case_id=row["case_id"],
            path=row["path"],
        )
        for check, (is_wrong, observed, expected) in wrong.items()
        if is_wrong
    ]


def _fills_image(row: Row) -> bool:
    return bool(row["voxel_count"]) and all(
        row[f"bbox_min_{axis}"] == 0 and row[f"bbox_max_{axis}"] == row[f"size_{axis}"] - 1
        for axis in "xyz"
    )


def _list_image_grids(images: pl.DataFrame, context: Context) -> dict[tuple[str, str], Row]:
    """Return (case, grid) -> the row of one image on that grid: the lowest phase."""
    grids: dict[tuple[str, str], Row] = {}
    for row in images.sort("case_id", "image_set", "phase").iter_rows(named=True):
        grid = context.profile.image_sets[row["image_set"]].grid
        grids.setdefault((row["case_id"], grid), row)
    return grids


def _matches(mask: Row, grids: dict[tuple[str, str], Row], context: Context) -> bool | None:
    """Return None without an image to compare with; a user's own mask may lie on either grid."""
    declared = context.profile.masks.get(mask["mask"])
    wanted = [declared.grid] if declared else ["native", "1mm"]
    images = [grids[key] for grid in wanted if (key := (mask["case_id"], grid)) in grids]
    if not images:
        return None
    return any(is_same_grid(_make_grid(mask), _make_grid(image)) for image in images)


def _make_grid(row: Row) -> Grid:
    return tuple(int(row[f"size_{axis}"]) for axis in "xyz"), np.reshape(row["affine"], (4, 4))
