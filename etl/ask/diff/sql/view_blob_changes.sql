{% from "macros.sql" import select_columns %}
{# The files of `blobs`, with the checksum of their content where a table has it. #}
{% macro select_files(side) %}
    select
        b.*,
        content.content_crc32,
        content.content_bytes,
        case
            when b.case_id is null then b.path
            else concat_ws(' ', b.case_id, b.artefact, b.mask, b.phase)
        end as identity,
        row_number() over (partition by identity order by b.path) as number
    from (
        select
            {{ select_columns(
                blobs[side], path="varchar", artefact="varchar", mask="varchar", case_id="varchar",
                phase="bigint", size_bytes="bigint", md5="varchar",
            ) }}
        from {{ blobs[side ~ "_source"] }}
    ) as b
    left join (
        select null::varchar as path, null::bigint as content_crc32, null::bigint as content_bytes
        where false
        {% for pair in tables if "path" in pair[side] and "content_crc32" in pair[side] %}
        union all
        select path, content_crc32, content_bytes from {{ pair[side ~ "_source"] }}
        {% endfor %}
    ) as content on b.path = content.path
    where b.md5 is not null
{% endmacro %}
create view {{ schema }}.blob_changes as
with
old_files as ({{ select_files("old") }}),

new_files as ({{ select_files("new") }})

select
    coalesce(n.path, o.path) as path,
    case
        when o.path is null then 'added'
        when n.path is null then 'removed'
        when o.md5 = n.md5 then 'moved'
        when o.content_crc32 = n.content_crc32 and o.content_bytes = n.content_bytes
            then 'packaging only'
        else 'content'
    end as change,
    coalesce(n.artefact, o.artefact) as artefact,
    coalesce(n.case_id, o.case_id) as case_id,
    o.path as old_path,
    o.md5 as old_md5,
    o.size_bytes as old_bytes,
    n.path as new_path,
    n.md5 as new_md5,
    n.size_bytes as new_bytes
from old_files as o
full join new_files as n on o.identity = n.identity and o.number = n.number
where o.md5 is distinct from n.md5 or o.path is distinct from n.path
