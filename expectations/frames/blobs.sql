-- What the publisher's manifest says about every file.
-- grain: one row a file that the release holds or should hold
select
    case_id,
    verdict,
    concat(case_id || ': ', path) as item,
    concat('MD5 ', md5, ', manifest ', publisher_md5) as shown
from blobs
order by item
