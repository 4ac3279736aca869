-- Published volume of the expert's mask against the native voxel and the measured mask.
-- grain: one row a case with published features
-- volume_excess: distance of the two volumes in units of the tolerance that the profile states,
-- which is a share of the measured volume, but never below a number of cm3.
with published as (
    select
        features.case_id,
        max(features.value) filter (where listed.statistic = 'Volume') as volume_mm3,
        max(features.value) filter (where listed.statistic = 'Pixels') as pixels
    from features
    inner join feature_catalog as listed on features.feature = listed.feature
    where listed.family = 'Volumetric'
    group by features.case_id
),

native_grids as (
    select
        images.case_id,
        images.phase as preference,
        images.voxel_volume_mm3
    from images
    inner join profile_image_sets as declared on images.image_set = declared.image_set
    where declared.grid = 'native'
    union all
    select
        masks.case_id,
        1000 as preference,
        masks.voxel_volume_mm3
    from masks
    inner join profile_masks as declared on masks.mask = declared.mask
    where declared.grid = 'native'
),

native_voxels as (
    select
        case_id,
        arg_min(voxel_volume_mm3, preference) as voxel_volume_mm3
    from native_grids
    group by case_id
),

tolerances as (
    select
        max(number) filter (where name = 'published_volume_share') as share_of_measured,
        max(number) filter (where name = 'published_volume_cm3') as cm3
    from profile_numbers
)

select
    published.case_id,
    published.case_id as item,
    abs(published.volume_mm3 / published.pixels / native_voxels.voxel_volume_mm3 - 1)
        as voxel_volume_deviation,
    abs(published.volume_mm3 / 1000 - expert.volume_cm3)
    / greatest(tolerances.share_of_measured * expert.volume_cm3, tolerances.cm3) as volume_excess,
    concat(
        published.volume_mm3 / published.pixels, ' mm3 published, ',
        native_voxels.voxel_volume_mm3, ' mm3 native'
    ) as voxel_text,
    concat(
        round(published.volume_mm3 / 1000, 3), ' cm3 published, ',
        round(expert.volume_cm3, 3), ' cm3 measured'
    ) as volume_text
from published
cross join tolerances
left join native_voxels on published.case_id = native_voxels.case_id
left join masks as expert
    on published.case_id = expert.case_id and expert.mask = '{expert}'
order by item
