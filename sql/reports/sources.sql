-- Sources: which subjects the release, the clinical workbook and the Imaging Data Commons know
select
    sources,
    count(*) as n_subjects,
    list(case_id order by case_id)[:5] as first_subjects
from subjects_by_source
group by sources
order by n_subjects desc, sources asc
