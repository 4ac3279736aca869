-- The series that masks were drawn on: those that others of their study are derived from.
select
    images.case_id,
    images.series_instance_uid
from acquisitions as images
where
    images.case_id in (select masks.case_id from masks)
    and images.is_baseline
    and images.modality = 'MR'
    and images.has_scanner
    and exists (
        select 1
        from acquisitions as derived
        where
            derived.study_instance_uid = images.study_instance_uid
            and starts_with(derived.series_description, images.series_description || ': ')
    )
order by images.case_id, images.series_instance_uid
