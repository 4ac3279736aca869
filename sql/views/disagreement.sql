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
        row_number() over (partition by case_id) as combination
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
        {
            'n': sum(a.n_voxels)::bigint,
            'distance_mm': sum(a.distance_sum) / sum(a.n_voxels),
            'pe_percent': sum(a.pe_sum) / sum(a.n_with_pe),
            'enhancing_fraction': sum(a.n_enhancing) / sum(a.n_voxels)
        } as part
    from mask_agreement as pairs
    inner join by_mask as a
        on pairs.case_id = a.case_id and pairs.mask_a = a.mask[4:]
    inner join by_mask as b
        on
            pairs.case_id = b.case_id
            and pairs.mask_b = b.mask[4:]
            and a.combination = b.combination
    group by all
),

by_pair as (
    select
        case_id,
        mask_a,
        mask_b,
        any_value(part) filter (where is_in_a and not is_in_b) as a_only,
        any_value(part) filter (where is_in_b and not is_in_a) as b_only,
        any_value(part) filter (where is_in_a and is_in_b) as shared
    from parts
    group by all
)

select
    by_pair.case_id,
    by_pair.mask_a,
    by_pair.mask_b,
    coalesce(by_pair.a_only.n, 0) as n_a_only,
    coalesce(by_pair.b_only.n, 0) as n_b_only,
    coalesce(by_pair.shared.n, 0) as n_both,
    n_a_only * voxel_files.voxel_volume_mm3 / 1000 as a_only_cm3,
    n_b_only * voxel_files.voxel_volume_mm3 / 1000 as b_only_cm3,
    n_both * voxel_files.voxel_volume_mm3 / 1000 as both_cm3,
    by_pair.a_only.distance_mm as a_only_distance_mm,
    by_pair.b_only.distance_mm as b_only_distance_mm,
    by_pair.a_only.pe_percent as a_only_pe_percent,
    by_pair.b_only.pe_percent as b_only_pe_percent,
    by_pair.shared.pe_percent as both_pe_percent,
    by_pair.a_only.enhancing_fraction as a_only_enhancing_fraction,
    by_pair.b_only.enhancing_fraction as b_only_enhancing_fraction,
    by_pair.shared.enhancing_fraction as both_enhancing_fraction
from by_pair
inner join voxel_files on by_pair.case_id = voxel_files.case_id
order by by_pair.case_id, by_pair.mask_a, by_pair.mask_b
