"""The table `mask_agreement`: how far the masks of a case agree, pair by pair."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from functools import partial
from itertools import combinations

from etl.measure.agreement import Agreement, measure_agreement
from etl.measure.arrays import Array
from etl.measure.grids import is_same_grid
from etl.measure.mask import Foreground, crop
from etl.model.findings import Finding
from etl.model.profile import Profile
from etl.model.schema import CASE_ID, INPUTS_MD5, Table, parse_columns
from etl.tables.case_masks import Mask, carry_to_grid, list_masks, read_masks
from etl.tables.limits import SURFACE, count_surface, read_limit, report_above_limit
from etl.tables.unit import Context, Measured, Row, Unit

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
    """One mask of a case. `grid`: 1mm, native or own; `foreground`: None where it is empty."""

    name: str
    md5: str
    mask: Mask
    foreground: Foreground | None
    grid: str

    @property
    def volume_cm3(self) -> float:
        """Volume on its own grid."""
        count = self.foreground.voxel_count if self.foreground else 0
        return count * self.mask.header.voxel_volume_mm3 / 1000


def measure(unit: Unit, context: Context) -> Measured:
    """Return every pair of the masks of one case that can be read."""
    masks, findings = _read(unit, context)
    limit = read_limit(context, SURFACE)
    rows: list[Row] = []
    surfaces: dict[str, int] = {}
    for a, b in combinations(masks, 2):
        row, foregrounds = _compare(a, b, limit)
        rows.append(row)
        lost = [mask.name for mask in (a, b) if mask.foreground and not foregrounds[mask.name]]
        without = f"no voxel centre of the {row['grid']} grid of the other mask lies in"
        findings += [_report_lost(observed=f"{without} {n}", path=f"mask_{n}") for n in lost]
        if row["dice"] is not None and row["assd_mm"] is None:
            surfaces |= {
                name: count_surface(foreground)
                for name, foreground in foregrounds.items()
                if foreground
            }
    empty = [mask.name for mask in masks if mask.foreground is None]
    findings += [
        _report_empty(observed=f"no foreground voxel in {name}", path=f"mask_{name}")
        for name in empty
        if rows
    ]
    lost_measure = "distances to its surface are"
    findings += [
        report_above_limit(TABLE.name, f"mask_{name}", SURFACE, count, lost_measure)
        for name, count in surfaces.items()
        if count > limit
    ]
    return Measured(rows, findings)


def _read(unit: Unit, context: Context) -> tuple[list[_Mask], list[Finding]]:
    """Return the masks in order: declared sets as the profile lists them, then own by name."""
    declared = list(context.profile.masks)
    names = sorted(
        list_masks(unit), key=lambda n: declared.index(n) if n in declared else len(declared)
    )
    md5s = {blob.name.mask: blob.md5 for blob in unit}
    read, findings = read_masks(TABLE.name, names, unit, context)
    masks: list[_Mask] = []
    for name, mask in read.items():
        grid = _name_grid(name, mask, masks, context.profile)
        masks.append(_Mask(name, md5s[name], mask, crop(mask.bits), grid))
    return masks, findings


def _name_grid(name: str, mask: Mask, before: list[_Mask], profile: Profile) -> str:
    """Return a declared set's grid; a user's mask has that of a declared one, or its own."""
    if name in profile.masks:
        return profile.masks[name].grid
    declared = [other for other in before if other.name in profile.masks]
    grid = mask.header.grid
    return next((o.grid for o in declared if is_same_grid(o.mask.header.grid, grid)), OWN_GRID)


def _compare(a: _Mask, b: _Mask, limit: int) -> tuple[Row, dict[str, Foreground | None]]:
    """Return the row of a pair, and both foregrounds on the grid of comparison."""
    target, moved = sorted((a, b), key=lambda mask: _RANK[mask.grid])
    header = target.mask.header
    is_shared = is_same_grid(header.grid, moved.mask.header.grid)
    foregrounds = {target.name: target.foreground, moved.name: moved.foreground}
    if not is_shared and moved.foreground:
        foregrounds[moved.name] = crop(carry_to_grid(moved.mask, header))
    row = {
        "mask_a": a.name,
        "mask_b": b.name,
        "grid": target.grid,
        "carried_mask": None if is_shared else moved.name,
        "a_blob_md5": a.md5,
        "b_blob_md5": b.md5,
        **_measure_values(foregrounds[a.name], foregrounds[b.name], header.affine, limit),
        "volume_ratio": a.volume_cm3 / b.volume_cm3 if a.foreground and b.foreground else None,
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


_report_empty = partial(
    Finding, TABLE.name, "warning", "empty_mask",
    expected="two masks with foreground",
    likely_cause="a reader who found nothing, or a mask that was not written",
    fix="Its agreement is null: leave the case out where this mask is compared.",
)  # fmt: skip
_report_lost = partial(
    Finding, TABLE.name, "warning", "mask_lost_on_grid",
    expected="a mask that the other's grid shows",
    likely_cause="a mask of a few voxels, or one that lies outside the other's grid",
    fix="Its agreement is null there: look at both masks.",
)  # fmt: skip
