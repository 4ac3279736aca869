-- A critical finding of a case and an info without one.
from (values
    ('a', 'masks', 'critical', 'ISPY1_9004', 'masks_ftv/ISPY1_9004.nii.gz', 'missing_blob'),
    ('b', 'features', 'info', null, null, 'constant')
) as findings (finding_id, "table", severity, case_id, path, "check")
