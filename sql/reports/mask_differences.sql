-- Differences of masks: what one holds and the other lacks, its distance from the expert's border
-- and whether it enhances, medians over the cases
select
    mask_a,
    mask_b,
    count(*) as n_cases,
    median(a_only_cm3) as a_only_cm3,
    median(b_only_cm3) as b_only_cm3,
    median(a_only_distance_mm) as a_only_distance_mm,
    median(b_only_distance_mm) as b_only_distance_mm,
    median(a_only_enhancing_fraction) as a_only_enhancing,
    median(b_only_enhancing_fraction) as b_only_enhancing,
    median(both_enhancing_fraction) as both_enhancing
from disagreement
group by mask_a, mask_b
order by mask_a, mask_b
