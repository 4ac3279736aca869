{# `only`: table to the columns that changed, where that is known: the spread of all others costs
more than all the rest. #}
{% for pair in tables if only is none or pair.name in only %}
{% set columns = pair.common | reject("lineage") | list %}
{% set columns = columns if only is none else columns | select("in", only[pair.name]) | list %}
{% include "changes_of_a_table.sql" %}
{{ "union all" if not loop.last }}
{% else %}
select
    null::varchar as "table", null::varchar as case_id, null::varchar as key,
    null::varchar as change, null::varchar as "column", null::varchar as kind,
    null::varchar as old, null::varchar as new, null::double as difference,
    null::double as spread, null::double as unusual
where false
{% endfor %}
