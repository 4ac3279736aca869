-- The images of a set: where they lie, and their grid.
select
    case_id,
    phase,
    path,
    blob_md5,
    n_nonfinite,
    size_x,
    size_y,
    size_z,
    affine
from images
where image_set = $1
