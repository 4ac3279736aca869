-- Scanner geometries: size and spacing of the bias-corrected images, most frequent first
select
    images.size_x,
    images.size_y,
    images.size_z,
    round(images.spacing_x_mm, 4) as spacing_x_mm,
    round(images.spacing_y_mm, 4) as spacing_y_mm,
    round(images.spacing_z_mm, 4) as spacing_z_mm,
    images.orientation,
    count(distinct images.case_id) as n_cases
from images
where images.image_set = '{native}'
group by all
order by n_cases desc, images.size_x asc, images.size_y asc, images.size_z asc
