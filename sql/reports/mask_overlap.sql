-- Overlap of masks: every combination of masks on the 1 mm grid, its volume over all cases (cm3)
-- and its share of what any mask holds
select
    masks,
    n_masks,
    count(*) as n_cases,
    sum(volume_cm3) as volume_cm3,
    sum(volume_cm3) / sum(sum(volume_cm3)) over () as share
from mask_overlap
group by masks, n_masks
order by n_masks desc, masks asc
