-- Slices as the public card counts them: sum of size_z over the z-scored images. Axis 2 of the
-- arrays is not axial in every case, so this is a count of array planes.
-- grain: one row
-- columns:
--   n_slices: Sum of size_z over the z-scored images of the release
--   n_images: Z-scored images that were measured
--   n_cases: Cases that they belong to
select
    coalesce(sum(images.size_z), 0)::bigint as n_slices,
    count(*) as n_images,
    count(distinct images.case_id) as n_cases
from images
inner join cases on images.case_id = cases.case_id
where cases.in_release and images.image_set = '{normalized}'
