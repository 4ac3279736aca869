-- Slices of the z-scored images, counted as the public card does: every phase of every case.
-- grain: one row
select
    'all z-scored images' as item,
    null::varchar as case_id,
    coalesce(sum(size_z), 0) as slice_total
from images
where image_set = '{normalized}'
