-- Numbers that others state about this data set, and whether the loaded release confirms them.
-- The numbers and who states them are in sql/claims.csv; the definitions are those of case_counts.
-- grain: one row per stated number and the definition that it seems to use
-- key: claim_id
-- columns:
--   claim_id: Number of the claim
--   stated: The number that is stated
--   unit: What is counted
--   who: Who states it
--   count_name: The definition of case_counts that they seem to use
--   definition: That definition in words
--   n: What this release gives by that definition
--   is_confirmed: stated = n; null where it cannot be tested: the claim is about another data set
--     than the loaded one, or the release lacks an expected case or an expected item of one
--   note: How the number came about, as far as it is known
with expected as (
    select
        expected_cases.case_id,
        expected_items.item
    from inputs.expected_cases as expected_cases
    cross join inputs.expected_items as expected_items
),

lacking as (
    select count(*) as n_items
    from expected
    left join coverage
        on expected.case_id = coverage.case_id and expected.item = coverage.item
    where coverage.is_present is not true
)

select
    claims.claim_id,
    claims.stated,
    claims.unit,
    claims.who,
    claims.count_name,
    case_counts.definition,
    case_counts.n,
    case
        when claims.dataset = release_info.dataset and lacking.n_items = 0
            then claims.stated = case_counts.n
    end as is_confirmed,
    claims.note
from inputs.claims as claims
cross join inputs.release_info as release_info
cross join lacking
left join case_counts on claims.count_name = case_counts.name
order by claims.claim_id
