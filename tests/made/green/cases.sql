-- ISPY1_9050 is in the clinical workbook alone.
select
    case_id, case_id[-4:]::int as subject_number, in_release, in_release as has_features,
    true as has_clinical, true as has_outcomes
from (values ('ISPY1_9001', true), ('ISPY1_9002', true), ('ISPY1_9050', false))
    as subjects (case_id, in_release)
