-- Missing: what each case lacks of a complete case, or has without being readable
select
    case_id,
    string_agg(item, ', ' order by item_number) as items
from coverage
where not is_readable
group by case_id
order by case_id
