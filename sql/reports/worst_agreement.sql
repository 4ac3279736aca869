-- Worst agreement: the ten cases of each pair of masks with the least Dice
select
    mask_a,
    mask_b,
    place,
    case_id,
    dice,
    hausdorff95_mm,
    assd_mm,
    volume_ratio,
    centroid_distance_mm
from agreement_worst
where place <= 10
order by mask_a, mask_b, place
