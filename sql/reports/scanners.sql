-- Scanners: how many cases of the release were imaged on which, and at which threshold
select
    manufacturer,
    model,
    pe_threshold_percent,
    count(*) as n_cases
from scanner_by_case
where in_release
group by all
order by n_cases desc, manufacturer asc, model asc, pe_threshold_percent asc
