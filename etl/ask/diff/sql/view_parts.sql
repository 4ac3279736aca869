create view $schema.$table as
with changed as (
    select coalesce(n.case_id, o.case_id) as case_id
    from $old_lister as o
    full join $new_lister as n on o.case_id = n.case_id
    where o.part_md5 is distinct from n.part_md5
),

old_rows as (
    select *, ($values) as _values from $old where case_id in (select case_id from changed)
),

new_rows as (
    select *, ($values) as _values from $new where case_id in (select case_id from changed)
)

select
    coalesce(n.case_id, o.case_id) as case_id,
    count(o.case_id) as n_old,
    count(n.case_id) as n_new,
    count(*) filter (where o.case_id is null) as n_added,
    count(*) filter (where n.case_id is null) as n_removed,
    count(*) filter (
        where o.case_id is not null and n.case_id is not null
        and o._values is distinct from n._values
    ) as n_changed
from old_rows as o
full join new_rows as n on $match
group by all
