{% from "macros.sql" import list_names %}
{% for pair in tables %}
{% for side, source in ((names[0], pair.old_source), (names[1], pair.new_source)) %}
select
    {{ pair.name | literal }} as name,
    {{ side | literal }} as side,
    [{% for k in pair.key %}{{ k | quoted }}::varchar, {% endfor %}]::varchar as repeated
from {{ source }}
group by all having count(*) > 1
union all
{% endfor %}
{% endfor %}
select null, null, null where false
limit 1
