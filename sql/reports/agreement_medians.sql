-- Agreement in brief: medians of Dice, Hausdorff distance and volume ratio, pair by pair
select
    mask_a,
    mask_b,
    any_value(n_known) as n_cases,
    max(value_median) filter (where measure = 'dice') as dice,
    max(value_median) filter (where measure = 'hausdorff95_mm') as hausdorff95_mm,
    max(value_median) filter (where measure = 'volume_ratio') as volume_ratio
from agreement_summary
group by mask_a, mask_b
order by mask_a, mask_b
