{% macro list_names(names) %}{{ names | map("quoted") | join(", ") }}{% endmacro %}

{# What no column is called comes first: a list is never empty. #}
{% macro list_texts(texts) %}''{% for text in texts %}, {{ text | literal }}{% endfor %}{% endmacro %}

{# The named columns, null for those that an older version lacks. #}
{% macro select_columns(columns) %}
{% for name, kind in kwargs.items() %}
{{ name if name in columns else "null::" ~ kind ~ " as " ~ name }}{{ "," if not loop.last }}
{% endfor %}
{% endmacro %}
