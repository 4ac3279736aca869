-- Agreement of the masks: quartiles of Dice, surface distances (mm) and volume ratio, pair by pair
select
    mask_a,
    mask_b,
    measure,
    n_known,
    value_min,
    value_p25,
    value_median,
    value_p75,
    value_max
from agreement_summary
