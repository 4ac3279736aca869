-- The studies (visits) of every trial subject: when, on which scanner, at which threshold.
-- The trial asks for four visits: before treatment, early, between the regimens, before surgery.
-- study_index counts the studies that there are, so that after a missing visit it is not the
-- trial's time point; the first is the baseline. Dates are shifted, the intervals are real.
-- The scanner is what most of the voting series name (acquisitions.has_scanner).
-- grain: one row per study of a trial subject, in the release or not
-- key: case_id, study_index
-- columns:
--   case_id: The subject
--   study_index: Number of the study within the subject, from 1
--   study_instance_uid: DICOM StudyInstanceUID
--   is_baseline: The subject's first study: before treatment
--   study_date: Day of the study, shifted by the same years for all studies of a subject
--   days_since_baseline: Days since the subject's first study [days]
--   manufacturer: Vendor of the scanner: GE, Siemens, Philips
--   model: Model of the scanner
--   pe_threshold_percent: Enhancement threshold that the trial's segmentations name; null without
--     one, and where they name several [percent]
--   age_years: Least age that a voting series of the study names [years]
--   n_series: DICOM series
--   n_mr_series: Series of MR images, maps and the output of workstations among them
--   n_seg_series: Segmentations
--   n_sr_series: Structured reports
--   n_instances: DICOM instances (files)
--   size_mb: Size in the Imaging Data Commons, 10^6 bytes [MB]
with votes as (
    select
        case_id,
        study_index,
        manufacturer,
        model,
        count(*) as n_votes
    from acquisitions
    where has_scanner
    group by all
),

ranked as (
    select
        case_id,
        study_index,
        manufacturer,
        model,
        row_number() over (
            partition by case_id, study_index
            order by n_votes desc, manufacturer asc, model asc
        ) as place
    from votes
),

scanners as (
    select
        case_id,
        study_index,
        manufacturer,
        model
    from ranked
    where place = 1
),

summed as (
    select
        case_id,
        study_index,
        study_instance_uid,
        is_baseline,
        study_date,
        case
            when min(pe_threshold_percent) = max(pe_threshold_percent)
                then min(pe_threshold_percent)
        end as pe_threshold_percent,
        min(age_years) filter (where has_scanner) as age_years,
        count(*) as n_series,
        count(*) filter (where modality = 'MR') as n_mr_series,
        count(*) filter (where modality = 'SEG') as n_seg_series,
        count(*) filter (where modality = 'SR') as n_sr_series,
        sum(instance_count)::bigint as n_instances,
        sum(size_mb) as size_mb
    from acquisitions
    group by case_id, study_index, study_instance_uid, is_baseline, study_date
)

select
    summed.case_id,
    summed.study_index,
    summed.study_instance_uid,
    summed.is_baseline,
    summed.study_date,
    date_diff('day', baseline.study_date, summed.study_date) as days_since_baseline,
    scanners.manufacturer,
    scanners.model,
    summed.pe_threshold_percent,
    summed.age_years,
    summed.n_series,
    summed.n_mr_series,
    summed.n_seg_series,
    summed.n_sr_series,
    summed.n_instances,
    summed.size_mb
from summed
left join scanners
    on summed.case_id = scanners.case_id and summed.study_index = scanners.study_index
left join summed as baseline on summed.case_id = baseline.case_id and baseline.is_baseline
order by summed.case_id, summed.study_index
