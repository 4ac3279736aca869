-- The values that the voxels of a declared mask really hold as stored, before slope and intercept:
-- a mask of other stored values was written by another tool, though its volume is right.
-- grain: one row a mask of a declared set and distinct stored value
with stored as (
    select
        masks.path,
        masks.case_id,
        masks.mask,
        unnest(masks.stored_values) as stored_value
    from masks
    inner join profile_masks as declared on masks.mask = declared.mask
    union all
    select
        masks.path,
        masks.case_id,
        masks.mask,
        null as stored_value
    from masks
    inner join profile_masks as declared on masks.mask = declared.mask
    where masks.stored_values is null
)

select
    case_id,
    path as item,
    concat(mask, ': ', coalesce(format('{:g}', stored_value), 'more than 16 values'))
        as mask_and_value
from stored
order by case_id, item, stored_value
