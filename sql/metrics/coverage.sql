-- Coverage: share of the cases that have a thing which every complete case has, and can be read
select
    item as name,
    round(avg(is_readable::int), 6) as value
from coverage
group by item, item_number
order by item_number
