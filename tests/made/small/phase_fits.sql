-- 9001 on one scale, 9002 stretched, of 9003 one phase unknown.
select
    case_id, phase, slopes[phase + 1] as slope, if(slope is null, null, -0.85) as intercept,
    if(slope is null, null, 0.999) as r_squared, if(slope is null, null, 600000) as n_voxels,
    slope / list_min(slopes) as relative_slope,
    list_max(slopes) / list_min(slopes) - 1 as slope_difference,
    if(case_id = 'ISPY1_9003', null, slope_difference > 0.05) as is_stretched
from
    (values
        ('ISPY1_9001', [0.0005, 0.0005, 0.00051]::double[]),
        ('ISPY1_9002', [0.0004, 0.0002, 0.0003]),
        ('ISPY1_9003', [0.0005, null, 0.0005])
    ) as cases (case_id, slopes),
    range(3) as phases (phase)
