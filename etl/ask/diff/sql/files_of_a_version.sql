$side as (
    select
        b.*,
        content.content_crc32,
        content.content_bytes,
        case
            when b.case_id is null then b.path
            else concat_ws(' ', b.case_id, b.artefact, b.mask, b.phase)
        end as identity,
        row_number() over (partition by identity order by b.path) as number
    from (select $columns from $blobs) as b
    left join ($content) as content on b.path = content.path
    where b.md5 is not null
)
