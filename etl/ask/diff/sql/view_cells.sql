{% from "macros.sql" import list_names %}
create view {{ schema }}.{{ pair.name | quoted }} as
select {{ list_names(pair.key) }}, change, cell."column", cell.old, cell.new
from (
    select
        {{ list_names(pair.key) }},
        case
            when o._is_here is null then 'added'
            when n._is_here is null then 'removed'
            else 'changed'
        end as change,
        unnest([
            {% for name in pair.values %}
            {% set old = "o." ~ name | quoted if name in pair.old or not pair.old else "null" %}
            {% set new = "n." ~ name | quoted if name in pair.new or not pair.new else "null" %}
            {% set old_type, new_type = pair.old.get(name), pair.new.get(name) %}
            {
                'column': {{ name | literal }},
                'old': {{ old }}::varchar,
                'new': {{ new }}::varchar,
                {# What one version only has is no change of a row of both. #}
                {% if name not in pair.common %}
                'differs': false
                {% elif old_type == new_type or not old_type or not new_type %}
                'differs': {{ old }} is distinct from {{ new }}
                {% else %}
                {% set kind = "double" if old_type is numeric and new_type is numeric else "varchar" %}
                'differs': {{ old }}::{{ kind }} is distinct from {{ new }}::{{ kind }}
                {% endif %}
            }
            {{ "," if not loop.last }}
            {% else %}
            {# A table that is all key: its cell shows that a row was added or removed. #}
            {'column': null::varchar, 'old': null::varchar, 'new': null::varchar, 'differs': false}
            {% endfor %}
        ]) as cell
    from (select *, true as _is_here from {{ pair.old_source }}) as o
    full join (select *, true as _is_here from {{ pair.new_source }}) as n
        using ({{ list_names(pair.key) }})
)
where change != 'changed' or cell.differs
