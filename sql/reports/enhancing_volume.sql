-- Enhancing volume by threshold: volume of each mask that reaches a PE (cm3) and its share of the
-- mask, medians over the cases; any other threshold: from enhancing_volume(50)
with by_threshold as (
    select
        30 as pe_min_percent,
        *
    from enhancing_volume(30)
    union all
    select
        50 as pe_min_percent,
        *
    from enhancing_volume(50)
    union all
    select
        70 as pe_min_percent,
        *
    from enhancing_volume(70)
    union all
    select
        100 as pe_min_percent,
        *
    from enhancing_volume(100)
)

select
    mask,
    pe_min_percent,
    count(*) as n_cases,
    median(enhancing_volume_cm3) as enhancing_volume_cm3,
    median(enhancing_fraction) as enhancing_fraction
from by_threshold
group by mask, pe_min_percent
order by mask, pe_min_percent
