-- Problems: what is wrong, worst first
select
    severity,
    source,
    origin,
    rule,
    cases,
    path,
    observed,
    expected,
    fix
from problems
