-- Published features of cases whose expert's mask is another one than they were made from.
-- What they were made from is the publisher's file (blobs.publisher_md5). Where its MD5 does not
-- tell, it is the file as it was adopted first (data/adopted.csv). A file that was only unpacked,
-- packed again or given another header is not stale: its stream or its voxels are the same.
-- grain: one row per case and published feature that is stale
-- key: case_id, feature
-- columns:
--   case_id: The subject at baseline
--   feature: Name as the publisher spells it
--   mask: The mask that the feature was made from
--   reason: How the mask is known to be another one
--   published_from: MD5 of the mask that the feature was made from
--   now: MD5 of the mask that is here
with present as (
    select
        blobs.case_id,
        blobs.mask,
        blobs.md5,
        blobs.publisher_md5,
        blobs.verdict,
        masks.content_crc32,
        masks.content_bytes,
        masks.voxel_digest,
        masks.matches_image_grid
    from blobs
    left join masks on blobs.path = masks.path
    where blobs.mask = '{expert}' and blobs.md5 is not null
),

compared as (
    select
        present.case_id,
        present.mask,
        present.md5 as now,
        coalesce(present.publisher_md5, adopted.md5) as published_from,
        case
            when present.md5 in (present.publisher_md5, adopted.md5) then 'same'
            when adopted.md5 is null and present.verdict = 'mismatch' then 'publisher'
            when adopted.md5 is null then 'unknown'
            when
                present.content_crc32 = adopted.content_crc32
                and present.content_bytes = adopted.content_bytes
                then 'same'
            when
                present.voxel_digest = adopted.voxel_digest
                and coalesce(present.matches_image_grid, true)
                then 'same'
            else 'adopted'
        end as outcome
    from present
    left join inputs.adopted as adopted
        on present.case_id = adopted.case_id and present.mask = adopted.mask
)

select
    compared.case_id,
    features.feature,
    compared.mask,
    case compared.outcome
        when 'adopted' then 'other voxels or another place than when it was adopted'
        else 'another MD5 than the publisher''s'
    end as reason,
    compared.published_from,
    compared.now
from compared
inner join features on compared.case_id = features.case_id
where compared.outcome in ('adopted', 'publisher') and features.value is not null
order by compared.case_id, features.feature
