{# Of every table, in their order. #}
with changes as (
    select
        "table",
        count(distinct key) filter (where change = 'added') as n_added,
        count(distinct key) filter (where change = 'removed') as n_removed,
        count(distinct key) filter (where change = 'changed') as n_changed
    from _changes
    group by all
    {% for pair in tables if pair.has_parts and not pair.problem %}
    union all
    select
        {{ pair.name | literal }},
        coalesce(sum(n_added), 0)::bigint,
        coalesce(sum(n_removed), 0)::bigint,
        coalesce(sum(n_changed), 0)::bigint
    from {{ schema }}.{{ pair.name | quoted }}
    {% endfor %}
),

tables as (
    {% for pair in tables %}
    select
        {{ loop.index }} as number,
        {{ pair.name | literal }} as "table",
        {% for source in (pair.old and pair.old_source, pair.new and pair.new_source) %}
        {{ "(select count(*) from " ~ source ~ ")" if source else "null" }}
            as {{ loop.cycle("n_old", "n_new") }},
        {% endfor %}
    {{ "union all" if not loop.last }}
    {% endfor %}
)

select
    "table",
    n_old,
    n_new,
    coalesce(n_added, 0) as n_added,
    coalesce(n_removed, 0) as n_removed,
    coalesce(n_changed, 0) as n_changed
from tables
left join changes using ("table")
order by number
