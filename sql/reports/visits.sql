-- Visits: studies of the cases of the release, and when they were made
select
    studies.study_index,
    count(*) as n_studies,
    min(studies.days_since_baseline) as days_min,
    median(studies.days_since_baseline) as days_median,
    max(studies.days_since_baseline) as days_max,
    count(*) filter (where studies.n_seg_series > 0) as n_with_segmentations,
    round(sum(studies.size_mb) / 1000, 1) as size_gb
from studies
inner join cases on studies.case_id = cases.case_id
where cases.in_release
group by studies.study_index
order by studies.study_index
