-- The masks of a case: where they lie, and how they are drawn.
select
    mask,
    path,
    volume_cm3,
    scaled_values,
    foreground_rule,
    matches_image_grid,
    [centroid_r_mm, centroid_a_mm, centroid_s_mm] as centre
from masks
where case_id = $1
order by mask
