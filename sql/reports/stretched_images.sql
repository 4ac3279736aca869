-- Cases whose bias-corrected phases are on different scales, or on scales that cannot be compared,
-- and those with voxels at the end of their data type; enhancement computed from such phases is not
-- to be trusted: use the rows of kinetics from the z-scored images
select
    case_id,
    any_value(is_stretched) as is_stretched,
    any_value(slope_difference) as slope_difference,
    list(relative_slope order by phase) as relative_slopes,
    list(phase order by phase) filter (where n3_n_at_dtype_max > 0) as phases_at_dtype_max,
    max(n3_intensity_max) as intensity_max,
    max(n3_n_at_dtype_max) as n_at_dtype_max
from phase_scale
group by case_id
having coalesce(any_value(is_stretched), true) or max(n3_n_at_dtype_max) > 0
order by slope_difference desc nulls last, case_id asc
