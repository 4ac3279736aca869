-- Two studies a case, each with an image of the scanner and a PE segmentation at 70 %.
select
    case_id, study_index, modality, study_index = 1 as is_baseline, modality = 'MR' as has_scanner,
    format('{}.{}', case_id, study_index) as study_instance_uid,
    format('{}.{}', study_instance_uid, modality) as series_instance_uid,
    'GE' as manufacturer, 'GENESIS_SIGNA' as model, 'CC0 1.0' as licence,
    if(modality = 'SEG', 70, null) as pe_threshold_percent
from
    (values ('ISPY1_9001'), ('ISPY1_9002')) as release (case_id),
    (values (1), (2)) as studies (study_index),
    (values ('MR'), ('SEG')) as kinds (modality)
