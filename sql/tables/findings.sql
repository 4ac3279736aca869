-- What SQL adds to the file of the table: a finding that expectations/known_issues.csv explains is
-- information. Its field is what stands behind the colon of its check, as in
-- `undocumented_code:race_id`.
select
    built.* replace (  -- noqa: AM04
        case when issues.note is null then built.severity else 'info' end as severity,
        case when issues.note is null then built.fix else concat('Known issue: ', issues.note) end
            as fix
    )
from built
left join inputs.known_issues as issues
    on
        built.case_id = issues.case_id
        and contains(built.check, ':')
        and substr(built.check, instr(built.check, ':') + 1) = issues.field
