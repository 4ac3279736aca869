-- Exclusions: how many cases each target can use, and why not the others
with reasons as (
    select
        unnest(['pcr', 'rfs', 'survival']) as target,
        unnest([pcr_exclusion_reason, rfs_exclusion_reason, survival_exclusion_reason]) as reason
    from modelling
)

select
    target,
    coalesce(reason, 'usable') as reason,
    count(*) as n_cases
from reasons
group by all
order by target asc, n_cases desc, reason asc
