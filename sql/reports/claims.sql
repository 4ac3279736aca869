-- Claims: numbers that others state, and whether this release confirms them
select
    stated,
    unit,
    who,
    n,
    is_confirmed,
    definition,
    note
from claims
