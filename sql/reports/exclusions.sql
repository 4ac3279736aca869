-- Exclusions: how many cases each target can use, and why not the others
with reasons as (
    select
        'pcr' as target,
        pcr_exclusion_reason as reason,
        case_id
    from modelling
    union all
    select
        'rfs' as target,
        rfs_exclusion_reason as reason,
        case_id
    from modelling
    union all
    select
        'survival' as target,
        survival_exclusion_reason as reason,
        case_id
    from modelling
)

select
    target,
    coalesce(reason, 'usable') as reason,
    count(*) as n_cases
from reasons
group by all
order by target asc, n_cases desc, reason asc
