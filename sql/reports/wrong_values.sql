-- Wrong values: published values that their own definition does not give, and what it gives
select
    findings.case_id,
    split_part(findings.check, ':', 2) as feature,
    findings.observed,
    findings.expected,
    findings.likely_cause
from findings
where findings.table = 'feature_audit'
order by findings.case_id, feature
