-- pCR of 9003 is unknown.
select
    case_id, pcr, 'alive' as survival_status, 1000 as survival_days, false as death_event,
    1010 as rfs_days, case_id = 'ISPY1_9002' as rfs_event
from (values
    ('ISPY1_9001', true), ('ISPY1_9002', false), ('ISPY1_9003', null), ('ISPY1_9050', false)
) as subjects (case_id, pcr)
