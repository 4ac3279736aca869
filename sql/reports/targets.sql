-- Targets: on how many cases each outcome can be modelled, and how many of these have the event
select
    'pathologic complete response' as target,
    count(*) filter (where pcr_exclusion_reason is null) as n_cases,
    count(*) filter (where pcr_exclusion_reason is null and pcr) as n_events
from modelling
union all
select
    'recurrence-free survival' as target,
    count(*) filter (where rfs_exclusion_reason is null) as n_cases,
    count(*) filter (where rfs_exclusion_reason is null and rfs_event) as n_events
from modelling
union all
select
    'survival' as target,
    count(*) filter (where survival_exclusion_reason is null) as n_cases,
    count(*) filter (where survival_exclusion_reason is null and death_event) as n_events
from modelling
