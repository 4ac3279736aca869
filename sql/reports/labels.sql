-- Labels: how many cases each mask set covers, and how large its tumours are (cm3)
select
    mask,
    is_expected,
    n_masks,
    n_nonempty,
    coverage,
    volume_min_cm3,
    volume_median_cm3,
    volume_max_cm3
from label_summary
