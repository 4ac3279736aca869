-- Volumes by mask, subtype and pCR: every measured mask of every case of the release (cm3)
select
    masks.mask,
    masks.case_id,
    coalesce(cohort.subtype, 'unknown') as subtype,
    cohort.pcr,
    masks.volume_cm3
from masks
inner join cohort on masks.case_id = cohort.case_id
order by masks.mask, masks.case_id
