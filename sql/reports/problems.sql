-- Problems: what is wrong, worst first; `ispy1 gate` says how to fix a broken contract
select
    severity,
    origin,
    rule,
    cases,
    observed,
    fix,
    expected,
    path,
    source
from problems
