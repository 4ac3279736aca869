select *, 50 as age_years, 50 as mri_ld_baseline_mm
from (values
    ('ISPY1_9001', true, 'HR+/HER2-', 'right'),
    ('ISPY1_9002', false, 'TN', 'left'),
    ('ISPY1_9003', null, null, 'left'),
    ('ISPY1_9004', false, 'HER2+', 'left'),
    ('ISPY1_9050', true, 'HR+/HER2-', 'right')
) as subjects (case_id, hr_positive, subtype, laterality)
