-- Scales: how many cases have bias-corrected phases on different scales (see stretched_images)
select
    count(distinct case_id) filter (where is_stretched) as n_stretched_cases,
    count(distinct case_id) as n_cases
from phase_scale
