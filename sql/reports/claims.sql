-- Claims: numbers that others state, and whether this release confirms them
select
    stated,
    unit,
    who,
    count_name,
    n,
    is_confirmed,
    definition,
    note
from claims
order by claim_id
