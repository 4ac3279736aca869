-- Folders: how many files each folder of the release holds, and single files
with on_disk as (
    select
        path,
        size_bytes,
        regexp_extract(path, '^([^/]*/)?', 1) as folder
    from blobs
    where size_bytes is not null
)

select
    if(folder = '', min(path), folder) as path,
    count(*) as n_files,
    sum(size_bytes)::bigint as n_bytes,
    case when folder != '' then substr(min(path), length(folder) + 1) end as first_file,
    case when folder != '' then substr(max(path), length(folder) + 1) end as last_file
from on_disk
group by folder, if(folder = '', path, null)
order by folder = '' asc, folder asc, min(path) asc
