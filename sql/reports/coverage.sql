-- Coverage: for each thing that a complete case has, how many cases have it and which do not
select
    item,
    count(*) as n_cases,
    count(*) filter (where is_present) as n_present,
    count(*) filter (where is_readable) as n_readable,
    avg(is_readable::int) as coverage,
    list(case_id order by case_id) filter (where not is_readable) as cases_without
from coverage
group by item, item_number
order by item_number
