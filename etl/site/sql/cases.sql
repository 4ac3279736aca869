-- The cases of the release.
select
    case_id,
    is_complete,
    known_issue
from cases
where in_release
order by case_id
