-- Image sets: how many images each has, of which type, along which axes
select
    image_set,
    count(*) as n_images,
    count(distinct case_id) as n_cases,
    string_agg(distinct stored_dtype, ', ' order by stored_dtype) as stored_dtypes,
    string_agg(distinct orientation, ', ' order by orientation) as orientations,
    count(distinct row(size_x, size_y, size_z)) as n_sizes
from images
group by image_set
order by image_set
