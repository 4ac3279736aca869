-- The volume is stable, the mean less so; the median is known of too few cases.
select
    'zscored' as image_set, 1 as phase, feature, icc, if(icc is null, 3, 12) as n_cases,
    icc::double - 0.2 as icc_low, icc::double + 0.02 as icc_high
from (values ('morph_volume', 0.95), ('stat_mean', 0.6), ('stat_median', null)) as icc (feature, icc)
