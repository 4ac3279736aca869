-- One content in two places: how many files hold the same voxels.
-- grain: one row a content of images, or of masks with foreground
-- *_places is null for the other kind; case_id is null where several cases hold the content.
with held as (
    select
        true as is_image,
        case_id,
        path,
        voxel_digest
    from images
    union all
    select
        false as is_image,
        case_id,
        path,
        voxel_digest
    from masks
    where voxel_count > 0
)

select
    case when count(distinct case_id) = 1 then min(case_id) end as case_id,
    string_agg(concat(case_id, ': ', path), ' | ' order by path) as item,
    case when is_image then count(*) end as image_places,
    case when not is_image then count(*) end as mask_places
from held
group by is_image, voxel_digest
order by item
