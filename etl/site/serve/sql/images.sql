-- The images of a case, with the values that a set's window lies between.
select
    image_set,
    phase,
    path,
    min(intensity_min) over of_set as darkest,
    max(intensity_max) over of_set as brightest
from images
where case_id = $1
window of_set as (partition by image_set)
order by image_set, phase
