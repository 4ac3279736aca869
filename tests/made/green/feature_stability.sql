-- As of many cases, though there are two: what follows from the number is judged elsewhere.
select
    'zscored' as image_set, 1 as phase, feature, 2 as n_cases,
    0.9 as icc, 0.8 as icc_low, 0.95 as icc_high
from (values ('morph_volume'), ('stat_mean')) as features (feature)
