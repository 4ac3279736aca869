{% from "macros.sql" import list_names, list_texts %}
{% set name, cells = pair.name | literal, schema ~ "." ~ pair.name | quoted %}
{% set lineage = list_texts(pair.common | select("lineage")) %}
{% set group = list_names(pair.group) ~ ("," if pair.group else "") %}
{% set key %}
to_json(struct_pack(
    {% for k in pair.key | map("quoted") %}
    {{ k }} := c.{{ k }}{{ "," if not loop.last }}
    {% endfor %}
))::varchar
{% endset %}
{% macro match_group(alias) %}
true{% for k in pair.group | map("quoted") %} and c.{{ k }} = {{ alias }}.{{ k }}{% endfor %}
{% endmacro %}
select
    {{ name }} as "table",
    {{ "c.case_id" if "case_id" in pair.key else "null::varchar" }} as case_id,
    {{ key }} as key,
    c.change,
    c."column",
    case
        when c."column" in ({{ lineage }}) then 'blob'
        when c.old is null or c.new is null then 'coverage'
        when c."column" in ({{ list_texts(columns | select("coverage")) }}) then 'coverage'
        else 'value'
    end as kind,
    c.old,
    c.new,
    -- By their text, which reads back exactly; days for dates.
    case
        when c."column" in (
            ''
            {% for name in columns if pair.old.get(name) is numeric and pair.new.get(name) is numeric %}
            , {{ name | literal }}
            {% endfor %}
        ) then try_cast(c.new as double) - try_cast(c.old as double)
        when c."column" in (
            ''
            {% for name in columns if pair.old.get(name) == pair.new.get(name) == "DATE" %}
            , {{ name | literal }}
            {% endfor %}
        ) then date_diff('day', try_cast(c.old as date), try_cast(c.new as date))
    end as difference,
    s.spread,
    case
        when c."column" in ({{ lineage }}) then null
        when c.new is null then (s.n_rows + 1) / (s.n_rows - s.n_values + 1)
        when c.old is null then (s.n_rows + 1) / (s.n_values + 1)
        when not s.is_number then 1
        when isfinite(difference) and s.spread > 0 then abs(difference) / s.spread
        else 'infinity'::double
    end as unusual
from {{ cells }} as c
left join (
    select {{ group }} unnest(stats, recursive := true)
    from (
        select
            {{ group }}
            [
                {
                    'name': null::varchar,
                    'n_rows': count(*),
                    'n_values': count(*),
                    'is_number': false,
                    'spread': null::double
                }
                {% for name in columns %}
                {% set kind = (pair.old or pair.new)[name] %}
                {% set is_date = kind == "DATE" %}
                {% set value = name | quoted %}
                {% set days = "date_diff('day', date '1970-01-01', " ~ value ~ ")" %}
                {% set x = (days if is_date else value) ~ "::double" %}
                , {
                    'name': {{ name | literal }},
                    'n_rows': count(*),
                    'n_values': count({{ value }}),
                    {% if is_date or kind is numeric %}
                    'is_number': true,
                    'spread': coalesce(
                        nullif(
                            quantile_cont({{ x }}, 0.75) filter (where isfinite({{ x }}))
                            - quantile_cont({{ x }}, 0.25) filter (where isfinite({{ x }})),
                            0
                        ),
                        max({{ x }}) filter (where isfinite({{ x }}))
                        - min({{ x }}) filter (where isfinite({{ x }}))
                    )
                    {% else %}
                    'is_number': false,
                    'spread': null::double
                    {% endif %}
                }
                {% endfor %}
            ] as stats
        from {{ pair.old_source }}
        group by all
    )
) as s on {{ match_group("s") }} and c."column" = s.name
where c.change = 'changed'
union all
select
    {{ name }},
    {{ "c.case_id" if "case_id" in pair.key else "c._case" }},
    {{ key }},
    c.change, null, 'coverage', null, null, null, null,
    (coalesce(g.n, 0) + 1) / (
        count(*) over (
            partition by {% for k in pair.group %}c.{{ k | quoted }}, {% endfor %}c.change
        ) + 1
    )
from (
    select
        {{ list_names(pair.key) }},
        change,
        any_value(coalesce(new, old)) filter (where "column" = 'case_id') as _case
    from {{ cells }}
    where change != 'changed'
    group by all
) as c
left join (
    select {{ group }} count(*) as n from {{ pair.old_source }} group by all
) as g on {{ match_group("g") }}
