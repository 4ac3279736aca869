-- What is wrong with a case, the worst first.
select findings.*  -- noqa: AM04
from findings
where findings.case_id is not null
order by
    findings.case_id,
    case findings.severity when 'critical' then 0 when 'warning' then 1 else 2 end,
    findings.table,
    findings.check,
    findings.finding_id
