-- Agreement by size and scanner: median Dice and surface distance (mm) by third of the tumour
-- volumes and by manufacturer
select
    mask_a,
    mask_b,
    volume_third,
    manufacturer,
    n_known,
    dice_p25,
    dice_median,
    dice_p75,
    hausdorff95_median_mm
from agreement_by_volume_and_scanner
