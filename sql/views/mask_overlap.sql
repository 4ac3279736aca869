-- Every combination of masks that has a voxel on the 1 mm grid, with its volume: what all hold,
-- what one alone holds, and so on.
-- grain: one row per case and combination of masks
-- key: case_id, masks
-- columns:
--   case_id: The subject at baseline, such as ISPY1_1002
--   masks: The masks that hold these voxels, by name, and no other one: such as ftv + stv_manual
--   n_masks: How many these are [masks]
--   n_voxels: Voxels in all of these masks and in no other one [voxels]
--   volume_cm3: Their volume [cm3]
with counts as (
    select
        case_id,
        count(*) as n_voxels,
        columns('in_.*')
    from voxels
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
)

select
    by_mask.case_id,
    string_agg(substr(by_mask.mask, 4), ' + ' order by by_mask.mask) as masks,
    count(*) as n_masks,
    any_value(by_mask.n_voxels) as n_voxels,
    any_value(by_mask.n_voxels * voxel_files.voxel_volume_mm3 / 1000) as volume_cm3
from by_mask
inner join voxel_files on by_mask.case_id = voxel_files.case_id
where by_mask.is_in
group by by_mask.case_id, by_mask.combination
order by by_mask.case_id, masks
