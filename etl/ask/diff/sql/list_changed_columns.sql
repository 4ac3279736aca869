{% for pair in tables %}
select distinct {{ pair.name | literal }}, "column", change
from {{ schema }}.{{ pair.name | quoted }}
union all
{% endfor %}
select null, null, null where false
