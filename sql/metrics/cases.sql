-- Cases: those of the release, and those that are complete or have a thing that models need
select
    name,
    n as value
from case_counts
where name in ('in_release_cases', 'complete_cases', 'features_cases', 'outcomes_cases')
order by name
