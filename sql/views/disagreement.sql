-- Where two masks differ on the 1 mm grid: how much, how far from the expert's border, and whether
-- what one lacks enhances. A network misses what does not enhance where enhancing_fraction of the
-- part that the expert alone holds is below that of the part that both hold.
-- grain: one row per case and pair of its masks
-- key: case_id, mask_a, mask_b
-- columns:
--   case_id: The subject at baseline, such as ISPY1_1002
--   mask_a: The mask that comes first, as in mask_agreement
--   mask_b: The other mask of the pair
--   n_a_only: Voxels in a and not in b [voxels]
--   n_b_only: Voxels in b and not in a [voxels]
--   n_both: Voxels in both [voxels]
--   a_only_cm3: Volume in a and not in b [cm3]
--   b_only_cm3: Volume in b and not in a [cm3]
--   both_cm3: Volume in both [cm3]
--   a_only_distance_mm: Mean distance, without sign, of the voxels in a alone from the border of
--     the expert's mask [mm]
--   b_only_distance_mm: That of the voxels in b alone [mm]
--   a_only_pe_percent: Mean PE of the voxels in a alone that have one [percent]
--   b_only_pe_percent: That of the voxels in b alone [percent]
--   both_pe_percent: That of the voxels in both [percent]
--   a_only_enhancing_fraction: Share of the voxels in a alone that enhance, as in kinetics
--   b_only_enhancing_fraction: That of the voxels in b alone
--   both_enhancing_fraction: That of the voxels in both
with counts as (
    select
        case_id,
        columns('in_.*'),
        count(*) as n_voxels,
        count(*) filter (where is_enhancing) as n_enhancing,
        count(pe_percent) as n_with_pe,
        sum(pe_percent) as pe_sum,
        sum(abs(distance_mm)) as distance_sum
    from voxel_enhancement
    where n_masks > 0
    group by all
),

combinations as (
    select
        *,
        concat_ws(' ', *columns('in_.*')) as combination
    from counts
),

by_mask as (
    unpivot combinations on columns('in_.*') into name mask value is_in
),

parts as (
    select
        pairs.case_id,
        pairs.mask_a,
        pairs.mask_b,
        a.is_in as is_in_a,
        b.is_in as is_in_b,
        sum(a.n_voxels)::bigint as n,
        sum(a.distance_sum) / sum(a.n_voxels) as distance_mm,
        sum(a.pe_sum) / sum(a.n_with_pe) as pe_percent,
        sum(a.n_enhancing) / sum(a.n_voxels) as enhancing_fraction
    from mask_agreement as pairs
    inner join by_mask as a
        on pairs.case_id = a.case_id and pairs.mask_a = substr(a.mask, 4)
    inner join by_mask as b
        on
            pairs.case_id = b.case_id
            and pairs.mask_b = substr(b.mask, 4)
            and a.combination = b.combination
    group by all
),

by_pair as (
    select
        case_id,
        mask_a,
        mask_b,
        max(n) filter (where is_in_a and not is_in_b) as n_a_only,
        max(n) filter (where is_in_b and not is_in_a) as n_b_only,
        max(n) filter (where is_in_a and is_in_b) as n_both,
        max(distance_mm) filter (where is_in_a and not is_in_b) as a_only_distance_mm,
        max(distance_mm) filter (where is_in_b and not is_in_a) as b_only_distance_mm,
        max(pe_percent) filter (where is_in_a and not is_in_b) as a_only_pe_percent,
        max(pe_percent) filter (where is_in_b and not is_in_a) as b_only_pe_percent,
        max(pe_percent) filter (where is_in_a and is_in_b) as both_pe_percent,
        max(enhancing_fraction) filter (where is_in_a and not is_in_b) as a_only_enhancing_fraction,
        max(enhancing_fraction) filter (where is_in_b and not is_in_a) as b_only_enhancing_fraction,
        max(enhancing_fraction) filter (where is_in_a and is_in_b) as both_enhancing_fraction
    from parts
    group by all
)

select
    by_pair.case_id,
    by_pair.mask_a,
    by_pair.mask_b,
    coalesce(by_pair.n_a_only, 0) as n_a_only,
    coalesce(by_pair.n_b_only, 0) as n_b_only,
    coalesce(by_pair.n_both, 0) as n_both,
    coalesce(by_pair.n_a_only, 0) * voxel_files.voxel_volume_mm3 / 1000 as a_only_cm3,
    coalesce(by_pair.n_b_only, 0) * voxel_files.voxel_volume_mm3 / 1000 as b_only_cm3,
    coalesce(by_pair.n_both, 0) * voxel_files.voxel_volume_mm3 / 1000 as both_cm3,
    by_pair.a_only_distance_mm,
    by_pair.b_only_distance_mm,
    by_pair.a_only_pe_percent,
    by_pair.b_only_pe_percent,
    by_pair.both_pe_percent,
    by_pair.a_only_enhancing_fraction,
    by_pair.b_only_enhancing_fraction,
    by_pair.both_enhancing_fraction
from by_pair
inner join voxel_files on by_pair.case_id = voxel_files.case_id
order by by_pair.case_id, by_pair.mask_a, by_pair.mask_b
