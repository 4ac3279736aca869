{# Counts rows by case: a case has 70,000. #}
{% from "macros.sql" import list_names %}
{% set lister = tables_by_name[listers[pair.name]] %}
create view {{ schema }}.{{ pair.name | quoted }} as
with changed as (
    select case_id
    from {{ lister.old_source }} as o
    full join {{ lister.new_source }} as n using (case_id)
    where o.part_md5 is distinct from n.part_md5
),

old_rows as (
    select *, row({{ list_names(pair.common) }}) as _values
    from {{ pair.old_source }}
    where case_id in (select case_id from changed)
),

new_rows as (
    select *, row({{ list_names(pair.common) }}) as _values
    from {{ pair.new_source }}
    where case_id in (select case_id from changed)
)

select
    case_id,
    count(o.case_id) as n_old,
    count(n.case_id) as n_new,
    count(*) filter (where o.case_id is null) as n_added,
    count(*) filter (where n.case_id is null) as n_removed,
    count(*) filter (
        where o.case_id is not null and n.case_id is not null
        and o._values is distinct from n._values
    ) as n_changed
from old_rows as o
full join new_rows as n using ({{ list_names(pair.key) }})
group by all
