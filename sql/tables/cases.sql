-- What SQL adds to the file of the table: the notes of expectations/known_issues.csv.
with notes as (
    select
        case_id,
        string_agg(note, '; ' order by field) as note
    from inputs.known_issues
    group by case_id
)

select built.* replace (coalesce(built.known_issue, notes.note) as known_issue)  -- noqa: AM04
from built
left join notes on built.case_id = notes.case_id
