-- Whether every case that the profile expects is in the release.
-- grain: one row an expected case
select
    expected.case_id,
    expected.case_id as item,
    'missing' as shown,
    coalesce(cases.in_release, false) as is_in_release
from inputs.expected_cases as expected
left join cases on expected.case_id = cases.case_id
order by expected.case_id
