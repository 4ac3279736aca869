-- The phases whose N3 and z-scored image can both be read, and the line between them.
-- grain: one row a case and phase with both images
-- difference_gap compares the case's stated difference with its slopes; null below two usable ones.
with pairs as (
    select
        case_id,
        phase
    from images
    where image_set in ('{native}', '{normalized}')
    group by case_id, phase
    having count(*) = 2
),

of_case as (
    select
        case_id,
        max(relative_slope) - 1 as difference
    from phase_fits
    group by case_id
    having count(relative_slope) > 1
)

select
    pairs.case_id,
    fits.case_id is not null as is_there,
    fits.slope,
    fits.r_squared,
    concat('phase ', pairs.phase) as item,
    case when fits.case_id is not null then if(fits.slope is null, 0.0, 1.0) end as is_drawn,
    abs(fits.slope_difference - of_case.difference) as difference_gap,
    concat('slope ', fits.slope, ', r squared ', round(fits.r_squared, 4)) as line_text
from pairs
left join phase_fits as fits on pairs.case_id = fits.case_id and pairs.phase = fits.phase
left join of_case on pairs.case_id = of_case.case_id
order by pairs.case_id, item
