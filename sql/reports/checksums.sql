-- Checksums: how many files agree with the checksums of the publisher
select
    verdict,
    count(*) as n_files
from blobs
group by verdict
order by verdict
