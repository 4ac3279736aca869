-- The masks that the profile declares. A user's own mask sets carry no contract.
-- grain: one row a mask of a declared set
-- voxels_required and voxels_wanted are null where an empty mask of the set is of the other
-- severity. R > 0 is the right side: the world axes are RAS+. Where the profile names no clinical
-- workbook, nobody states a side: each agrees.
with sides as (
    select count(*) = 0 as are_unstated
    from profile_release_files
    where artefact = 'clinical'
)

select
    masks.case_id,
    masks.n_nonfinite,
    masks.touches_border,
    masks.path as item,
    case when declared.may_be_empty = 'critical' then masks.voxel_count end as voxels_required,
    case when declared.may_be_empty != 'critical' then masks.voxel_count end as voxels_wanted,
    case
        when masks.matches_image_grid then 'same'
        when not masks.matches_image_grid then 'other'
    end as image_grid,
    case when masks.voxel_count > 0 then round(masks.volume_cm3, 2) end as volume_rounded_cm3,
    case
        when sides.are_unstated and masks.centroid_r_mm is not null then 'agrees'
        when masks.centroid_r_mm is null or clinical.laterality is null then null
        when (masks.centroid_r_mm > 0) = (clinical.laterality = 'right') then 'agrees'
        else 'disagrees'
    end as side,
    concat_ws(' x ', masks.size_x, masks.size_y, masks.size_z) as size_text,
    concat(
        'centroid at R ', round(masks.centroid_r_mm, 1), ' mm, tumour on the ', clinical.laterality
    ) as side_text
from masks
inner join profile_masks as declared on masks.mask = declared.mask
cross join sides
left join clinical on masks.case_id = clinical.case_id
order by masks.case_id, item
