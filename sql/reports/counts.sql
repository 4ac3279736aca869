-- Counts: every way to count the cases of this release
select
    name,
    n,
    unit,
    definition
from case_counts
