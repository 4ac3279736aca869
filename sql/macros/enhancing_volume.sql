-- Volume of a mask's voxels that enhance, at any threshold, by the z-scored images.
-- parameters:
--   pe_min: Least PE of a voxel that counts [percent]
-- grain: one row per case and mask of voxels
-- key: case_id, mask
-- columns:
--   case_id: The subject at baseline, such as ISPY1_1002
--   mask: Mask set
--   n_voxels: Voxels of the mask on the 1 mm grid [voxels]
--   n_enhancing: Of these, with PE of at least pe_min [voxels]
--   enhancing_volume_cm3: Volume of these [cm3]
--   enhancing_fraction: Their share of n_voxels
with counts as (
    select
        case_id,
        voxel_cm3,
        columns('in_.*'),
        count(*) as n_voxels,
        count(*) filter (where pe_percent >= pe_min) as n_enhancing
    from voxel_enhancement
    group by all
),

by_mask as (
    unpivot counts on columns('in_.*') into name mask value is_in
)

select
    case_id,
    mask[4:] as mask,
    sum(n_voxels)::bigint as n_voxels,
    sum(n_enhancing)::bigint as n_enhancing,
    sum(n_enhancing * voxel_cm3) as enhancing_volume_cm3,
    sum(n_enhancing) / sum(n_voxels) as enhancing_fraction
from by_mask
where is_in
group by case_id, mask
order by case_id, mask
