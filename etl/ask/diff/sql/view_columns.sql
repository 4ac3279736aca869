create view {{ schema }}.columns as
from (
    values
    (null::varchar, null::varchar, null::varchar, null::varchar, null::varchar)
    {% for pair in tables %}
    {% for change in pair.list_column_changes() %}
    , ({{ pair.name | literal }}, {{ change | map("literal") | join(", ") }})
    {% endfor %}
    {% endfor %}
) as changed ("table", "column", change, old_type, new_type)
where "table" is not null
