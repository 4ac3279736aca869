-- The trial's series of a case, visit by visit.
select
    case_id,
    study_index,
    study_instance_uid,
    is_baseline,
    study_date,
    series_number,
    modality,
    series_description,
    instance_count,
    series_instance_uid
from acquisitions
order by case_id, study_index, series_number, series_instance_uid
