-- Everything that is wrong: the findings of the build and the contracts that the gate found broken.
-- grain: one row per finding or broken contract
-- columns:
--   source: finding (something in the build) or contract (an expectation of the gate)
--   severity: critical, warning or info
--   origin: Table of the finding, or suite of the contract
--   rule: Short name of the rule, or the contract in words
--   cases: Cases that are concerned, or keys where a contract has no case
--   path: Path inside the release, where a file is concerned
--   observed: What was seen
--   expected: What was expected; null for a contract, whose rule says it
--   fix: What to do next; null for a contract: `ispy1 gate` prints its fix
with united as (
    select
        'finding' as source,
        findings.severity,
        findings.table as origin,
        findings.check as rule,
        findings.path,
        findings.observed,
        findings.expected,
        findings.fix,
        case
            when findings.case_id is null then []::varchar[] else [findings.case_id]
        end as cases
    from findings
    union all
    select
        'contract' as source,
        gate_results.severity,
        gate_results.suite as origin,
        gate_results.expectation as rule,
        null as path,
        gate_results.observed,
        null as expected,
        null as fix,
        gate_results.failing_cases as cases
    from gate_results
    where not gate_results.success
)

select
    source,
    severity,
    origin,
    rule,
    cases,
    path,
    observed,
    expected,
    fix
from united
order by
    case severity when 'critical' then 1 when 'warning' then 2 when 'info' then 3 end,
    source,
    origin,
    rule,
    cases
