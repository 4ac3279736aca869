-- Stability: which recomputed features are the same inside the expert's and the ResUNet's mask
select
    stable.image_set,
    stable.phase,
    listed.family,
    stable.feature,
    listed.title,
    listed.ibsi_code,
    stable.n_cases,
    round(stable.icc, 3) as icc,
    round(stable.icc_low, 3) as icc_low,
    round(stable.icc_high, 3) as icc_high
from feature_stability as stable
inner join recomputed_catalog as listed on stable.feature = listed.feature
order by stable.image_set asc, stable.phase asc, stable.icc desc nulls last, listed.position asc
