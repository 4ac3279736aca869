-- The scanner and the enhancement threshold of every case: those of its baseline study, which is
-- the one that the release's images come from. Subjects beyond the release have a row, too.
-- grain: one row per case or trial subject with a baseline study
-- key: case_id
-- columns:
--   case_id: The subject at baseline
--   in_release: The case is in the release
--   manufacturer: Vendor of the scanner: GE, Siemens, Philips
--   model: Model of the scanner
--   pe_threshold_percent: Enhancement threshold of the trial's functional tumour volume; null where
--     no segmentation of the study names one [percent]
--   study_date: Day of the baseline study, shifted by years
--   n_series: DICOM series of the baseline study
select
    studies.case_id,
    coalesce(cases.in_release, false) as in_release,
    studies.manufacturer,
    studies.model,
    studies.pe_threshold_percent,
    studies.study_date,
    studies.n_series
from studies
left join cases on studies.case_id = cases.case_id
where studies.is_baseline
order by studies.case_id
