-- Voxel values of the images.
-- grain: one row an image
-- n3_minimum is null for the other sets, which may be negative.
select
    case_id,
    n_nonfinite,
    path as item,
    case when image_set = '{native}' then intensity_min end as n3_minimum
from images
order by case_id, item
