-- The masks of a set: where they lie, their grid, and how their values are to be read.
select
    case_id,
    path,
    blob_md5,
    n_nonfinite,
    size_x,
    size_y,
    size_z,
    affine,
    coalesce(foreground_rule, '') as rule,
    voxel_count is not null as is_usable,
    foreground_rule is null
    and coalesce(scl_slope, 1) in (0, 1)
    and coalesce(scl_inter, 0) = 0
    and coalesce(list_has_all([0.0, 1.0], stored_values), false)
    and coalesce(n_nonfinite, 0) = 0 as is_binary
from masks
where mask = $1
