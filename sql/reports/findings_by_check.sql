-- Findings by check: what the build found wrong, worst first, with an example of each
select
    findings.severity,
    findings.table,
    findings.check,
    count(*) as n_findings,
    min(findings.observed) as observed,
    min(findings.fix) as fix
from findings
group by findings.severity, findings.table, findings.check
order by
    list_position(['critical', 'warning', 'info'], findings.severity), findings.table,
    findings.check
