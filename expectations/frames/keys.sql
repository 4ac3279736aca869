-- Rows beyond the first that have a key, table by table.
-- grain: one row a table
select
    item,
    null::varchar as case_id,
    n_repeated
from repeated_keys
order by item
