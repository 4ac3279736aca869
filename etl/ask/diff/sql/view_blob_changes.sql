create view $schema.blob_changes as
with
$old_side,

$new_side

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
