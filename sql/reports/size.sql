-- Size: cases and files of the release that is loaded
with counted as (
    select
        max(n) filter (where name = 'in_release_cases') as n_cases,
        max(definition) filter (where name = 'in_release_cases') as definition,
        max(n) filter (where name = 'complete_cases') as n_complete_cases,
        max(n) filter (where name = 'image_and_mask_files') as n_files
    from case_counts
),

with_files as (
    select count(distinct case_id) as n_cases
    from coverage
    where is_present and artefact not in ('features', 'clinical', 'outcomes')
)

select
    counted.n_cases,
    counted.definition,
    with_files.n_cases as n_cases_with_files,
    counted.n_complete_cases,
    counted.n_files
from counted
cross join with_files
