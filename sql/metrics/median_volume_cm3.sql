-- Volumes: the median of the masks that are not empty, by mask set
select
    mask as name,
    round(volume_median_cm3, 6) as value
from label_summary
