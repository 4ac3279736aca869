select
    path, artefact, mask, case_id, phase, 10 as size_bytes, 'match' as verdict,
    repeat('0', 32) as md5, md5 as publisher_md5
from volumes
union all by name
select path, artefact, 10 as size_bytes, 'match' as verdict from files
