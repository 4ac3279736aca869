-- Folds: cases, responders and subtypes in each of the five
select
    fold,
    count(*) as n_cases,
    count(*) filter (where pcr) as n_pcr,
    count(*) filter (where pcr is null) as n_pcr_unknown,
    count(*) filter (where subtype = 'HR+/HER2-') as n_hr_positive_her2_negative,
    count(*) filter (where subtype = 'HER2+') as n_her2_positive,
    count(*) filter (where subtype = 'TN') as n_triple_negative,
    median(stv_manual_cm3) as volume_median_cm3
from modelling
group by fold
order by fold nulls last
