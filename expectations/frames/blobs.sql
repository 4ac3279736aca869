-- What the publisher's manifest says about every file but a user's own masks.
-- grain: one row a file that the release holds or should hold
select
    case_id,
    verdict,
    path as item,
    concat('MD5 ', md5, ', manifest ', publisher_md5) as shown
from blobs
where mask is null or mask in (select declared.mask from profile_masks as declared)
order by case_id, item
