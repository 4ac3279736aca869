-- Coverage of case and file: what each case has of a complete case, file by file
select
    case_id,
    item_number,
    item,
    case
        when is_readable then 'readable'
        when is_present then 'not readable'
        else 'missing'
    end as state,
    path
from coverage
order by case_id, item_number
