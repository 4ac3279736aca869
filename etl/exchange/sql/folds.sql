-- The cases of the release, each with its fold, null where it has none.
select
    cases.case_id,
    splits.fold
from cases
left join inputs.splits as splits on cases.case_id = splits.case_id
where cases.in_release
order by cases.case_id
