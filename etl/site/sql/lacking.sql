-- What a complete case has and this one lacks.
select
    case_id,
    item,
    is_present
from coverage
where not is_readable
order by case_id, item_number
