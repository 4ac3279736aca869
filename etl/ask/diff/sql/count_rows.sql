select
    "table",
    count(distinct key) filter (where change = 'added') as n_added,
    count(distinct key) filter (where change = 'removed') as n_removed,
    count(distinct key) filter (where change = 'changed') as n_changed
from _changes group by all
