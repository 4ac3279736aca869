"""The table `mask_agreement`: how far the masks of a case agree, pair by pair."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from itertools import combinations

from etl.measure.agreement import Agreement, measure_agreement
from etl.measure.arrays import Array
from etl.measure.carry import carry
from etl.measure.grids import is_same_grid
from etl.measure.mask import Foreground, crop, find_foreground
from etl.model.findings import Finding
from etl.model.profile import Profile
from etl.model.release import name_role
from etl.model.schema import CASE_ID, INPUTS_MD5, Table, parse_columns
from etl.read.nifti import Header
from etl.tables.limits import SURFACE, count_surface, read_limit, report_above_limit
from etl.tables.own_masks import read_two_values
from etl.tables.unit import Blob, Context, Measured, Row, Unit
from etl.tables.volumes import open_volumes

TABLE = Table(
    name="mask_agreement",
    grain="One row per case and pair of its masks",
    key=("case_id", "mask_a", "mask_b"),
    columns=(
        CASE_ID,
        *parse_columns("""
        mask_a string The mask that comes first: declared sets in the profile's order, then own by
            name
        mask_b string The other mask of the pair
        grid string Grid of the comparison: 1mm, native, or own (of a user's mask that lies on
            neither)
        carried_mask string? The one that was carried to the other's grid (nearest voxel by world
            coordinates); null where they share one
        a_voxel_count int64 [voxels] Foreground of a on the grid of comparison
        b_voxel_count int64 [voxels] Foreground of b on the grid of comparison
        dice double? 2 |A and B| / (|A| + |B|)
        jaccard double? |A and B| / |A or B|
        hausdorff_mm double? [mm] Larger of the two directed maximum distances between surface
            voxels; null where a surface has more than limits.surface_voxels
        hausdorff95_mm double? [mm] Larger of the two directed 95th percentiles (linear) of these
            distances
        assd_mm double? [mm] Mean distance of the surface voxels of both to the other's surface
        volume_ratio double? Volume of a over that of b, each on the grid of its own file
        volume_difference_cm3 double [cm3] Volume of a minus that of b, each on the grid of its own
            file
        centroid_distance_mm double? [mm] Distance of the centroids on that grid
        a_inside_b_fraction double? Share of a's foreground inside b
        b_inside_a_fraction double? Share of b's foreground inside a
        a_blob_md5 string MD5 of the blob of a
        b_blob_md5 string MD5 of the blob of b
        """),
        INPUTS_MD5,
    ),
    per="case",
    reads=("mask",),
    references={"case_id": "cases"},
    params=(SURFACE,),
    adds=("case_id", "inputs_md5"),
)


OWN_GRID = "own"
# Which grid a pair is compared on: 1 mm masks are carried to the native grid, a user's mask that
# lies on neither goes to the other's.
_RANK = {"native": 0, "1mm": 1, OWN_GRID: 2}
_UNKNOWN: dict[str, float | None] = dict.fromkeys(field.name for field in fields(Agreement))


@dataclass(frozen=True, slots=True)
class _Mask:
    """One mask of a case. `grid`: 1mm, native or own; `found`: None where it is empty."""

    name: str
    md5: str
    header: Header
    bits: Array
    found: Foreground | None
    grid: str

    @property
    def volume_cm3(self) -> float:
        """Volume on its own grid."""
        count = self.found.voxel_count if self.found else 0
        return count * self.header.voxel_volume_mm3 / 1000


def measure(unit: Unit, context: Context) -> Measured:
    """Return every pair of the masks of one case that can be read."""
    masks, findings = _read(unit, context)
    limit = read_limit(context, SURFACE)
    rows: list[Row] = []
    surfaces: dict[str, int] = {}
    for a, b in combinations(masks, 2):
        row, foregrounds = _compare(a, b, limit)
        rows.append(row)
        lost = [mask for mask in (a, b) if mask.found and not foregrounds[mask.name]]
        findings += [_report_lost(mask, row["grid"]) for mask in lost]
        if row["dice"] is not None and row["assd_mm"] is None:
            surfaces |= {
                name: count_surface(foreground)
                for name, foreground in foregrounds.items()
                if foreground
            }
    if rows:
        findings += [_report_empty(mask) for mask in masks if mask.found is None]
    findings += [
        report_above_limit(
            TABLE.name, f"mask_{name}", SURFACE, count, "distances to its surface are"
        )
        for name, count in surfaces.items()
        if count > limit
    ]
    return Measured(rows, findings)


def _read(unit: Unit, context: Context) -> tuple[list[_Mask], list[Finding]]:
    """Return the masks in order; one volume in memory at a time."""
    masks: list[_Mask] = []
    findings: list[Finding] = []
    for blob in sorted(unit, key=lambda b: _order(b, context.profile)):
        volumes, refused = open_volumes(
            TABLE.name, unit, context, [name_role(blob.name)], read_two_values
        )
        findings += refused
        for volume in volumes.values():
            bits, _ = find_foreground(volume.voxels, *volume.header.scaling)
            grid = _name_grid(blob, volume.header, masks, context.profile)
            name = str(blob.name.mask)
            masks.append(_Mask(name, blob.md5, volume.header, bits, crop(bits), grid))
    return masks, findings


def _order(blob: Blob, profile: Profile) -> tuple[int, str]:
    """Return the rank: declared sets as the profile lists them, then a user's own by name."""
    name = str(blob.name.mask)
    declared = list(profile.masks)
    return (declared.index(name) if name in declared else len(declared), name)


def _name_grid(blob: Blob, header: Header, before: list[_Mask], profile: Profile) -> str:
    """Return a declared set's grid; a user's mask has that of a declared one, or its own."""
    declared = profile.masks.get(str(blob.name.mask))
    if declared:
        return declared.grid
    on_this_grid = (mask for mask in before if is_same_grid(mask.header.grid, header.grid))
    return next((mask.grid for mask in on_this_grid if mask.name in profile.masks), OWN_GRID)


def _compare(a: _Mask, b: _Mask, limit: int) -> tuple[Row, dict[str, Foreground | None]]:
    """Return the row of a pair, and both foregrounds on the grid of comparison."""
    target, moved = sorted((a, b), key=lambda mask: _RANK[mask.grid])
    is_shared = is_same_grid(a.header.grid, b.header.grid)
    foregrounds = {target.name: target.found, moved.name: moved.found}
    if not is_shared and moved.found:
        size, affine = target.header.size, target.header.affine
        foregrounds[moved.name] = crop(carry(moved.bits, moved.header.affine, affine, size))
    row = {
        "mask_a": a.name,
        "mask_b": b.name,
        "grid": target.grid,
        "carried_mask": None if is_shared else moved.name,
        "a_blob_md5": a.md5,
        "b_blob_md5": b.md5,
        **_measure_values(foregrounds[a.name], foregrounds[b.name], target.header.affine, limit),
        "volume_ratio": a.volume_cm3 / b.volume_cm3 if a.found and b.found else None,
        "volume_difference_cm3": a.volume_cm3 - b.volume_cm3,
    }
    return row, foregrounds


def _measure_values(
    first: Foreground | None, second: Foreground | None, affine: Array, limit: int
) -> Row:
    agreement = measure_agreement(first, second, affine, limit)
    return {
        "a_voxel_count": first.voxel_count if first else 0,
        "b_voxel_count": second.voxel_count if second else 0,
        **(asdict(agreement) if agreement else _UNKNOWN),
    }


def _report_empty(mask: _Mask) -> Finding:
    return Finding(
        table=TABLE.name,
        severity="warning",
        check="empty_mask",
        observed=f"no foreground voxel in {mask.name}",
        expected="two masks with foreground",
        likely_cause="a reader who found nothing, or a mask that was not written",
        fix="Its agreement is null: leave the case out where this mask is compared.",
        path=f"mask_{mask.name}",
    )


def _report_lost(mask: _Mask, grid: str) -> Finding:
    return Finding(
        table=TABLE.name,
        severity="warning",
        check="mask_lost_on_grid",
        observed=f"no voxel centre of the {grid} grid of the other mask lies in {mask.name}",
        expected="a mask that the other's grid shows",
        likely_cause="a mask of a few voxels, or one that lies outside the other's grid",
        fix="Its agreement is null there: look at both masks.",
        path=f"mask_{mask.name}",
    )
