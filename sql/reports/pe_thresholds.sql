-- Enhancement thresholds of the trial: cases of the release and all subjects, at baseline
select
    pe_threshold_percent,
    count(*) filter (where in_release) as n_cases,
    count(*) as n_subjects,
    string_agg(distinct manufacturer, ', ' order by manufacturer) as manufacturers
from scanner_by_case
group by pe_threshold_percent
order by pe_threshold_percent
