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
with judged as (
    select
        case_id,
        columns('in_.*'),
        pe_percent >= pe_min as is_enhancing
    from voxel_enhancement
    where n_masks > 0
),

counts as (
    select
        case_id,
        columns('in_.*'),
        count(*) as n_voxels,
        count(*) filter (where is_enhancing) as n_enhancing
    from judged
    group by all
),

by_mask as (
    unpivot counts on columns('in_.*') into name mask value is_in
)

select
    by_mask.case_id,
    substr(by_mask.mask, 4) as mask,
    sum(by_mask.n_voxels)::bigint as n_voxels,
    sum(by_mask.n_enhancing)::bigint as n_enhancing,
    sum(by_mask.n_enhancing * voxel_files.voxel_volume_mm3 / 1000) as enhancing_volume_cm3,
    sum(by_mask.n_enhancing) / sum(by_mask.n_voxels) as enhancing_fraction
from by_mask
inner join voxel_files on by_mask.case_id = voxel_files.case_id
where by_mask.is_in
group by by_mask.case_id, by_mask.mask
order by by_mask.case_id, by_mask.mask
