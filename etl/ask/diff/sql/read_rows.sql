select
    "table", case_id, change, count(*) as n_rows, max(unusual) as unusual,
    list(key order by key) as keys
from _changes where kind = 'coverage' and "column" is null
group by all order by unusual desc, case_id, "table", change
