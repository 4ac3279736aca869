-- Bias-corrected images that reach the end of their data type: saturated, or each phase stretched
-- on its own; enhancement computed from such phases is not to be trusted
select
    case_id,
    list(phase order by phase) as phases,
    max(intensity_max) as intensity_max,
    max(n_at_dtype_max) as n_at_dtype_max
from images
where image_set = 'n3' and n_at_dtype_max > 0
group by case_id
order by case_id
