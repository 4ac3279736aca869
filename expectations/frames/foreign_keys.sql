-- Every value that points to another table, and whether it lands there.
-- grain: one row a table, column and distinct value
select
    concat(pointer, ' (', origin, ')') as item,
    case when points_to = 'cases' then pointer end as case_id,
    has_target,
    concat('not in ', points_to) as shown
from pointers
order by item, points_to
