select
    *, 50 as age_years, 'Caucasian' as race, true as er_positive, false as pgr_positive,
    true as hr_positive, false as her2_positive, 'HR+/HER2-' as subtype,
    50 as mri_ld_baseline_mm, 40 as mri_ld_early_ac_mm, 0 as mri_ld_interregimen_mm,
    0 as mri_ld_presurgery_mm
from (values ('ISPY1_9001', 'right'), ('ISPY1_9002', 'left'), ('ISPY1_9050', 'right'))
    as subjects (case_id, laterality)
