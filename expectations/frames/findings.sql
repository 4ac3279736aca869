-- What the build found wrong. A row a table says that the table was looked at, so that a release
-- without a finding is not a frame without a row.
-- grain: one row a table, and one row a finding
with tables_with_findings as (
    select
        t.item,
        null::varchar as case_id,
        'none' as severity,
        null::varchar as known_fields,
        null::varchar as shown
    from (
        values
        ('blobs'), ('images'), ('masks'), ('features'), ('feature_catalog'), ('clinical'),
        ('outcomes'), ('acquisitions'), ('cases'), ('mask_agreement'), ('phase_fits'), ('kinetics'),
        ('recomputed_features'), ('captk_features'), ('feature_audit'), ('feature_stability')
    ) as t (item)
),

found as (
    select
        findings.case_id,
        findings.severity,
        concat(
            findings.case_id || ': ', coalesce(findings.path || ' ', findings.table || ' '),
            '(', findings.check, ')'
        ) as item,
        coalesce(nullif(split_part(findings.check, ':', 2), ''), findings.check) as known_fields,
        concat(findings.observed, ', not ', findings.expected) as shown
    from findings
)

select
    item,
    case_id,
    severity,
    known_fields,
    shown
from tables_with_findings
union all
select
    item,
    case_id,
    severity,
    known_fields,
    shown
from found
order by item
