-- How many cases each mask set covers, and how large its tumours are. A user's own sets
-- (masks_<name>) stand beside the declared ones; a declared set without a file has a row of zeros.
-- grain: one row per mask set
-- key: mask
-- columns:
--   mask: ftv, stv_manual, stv_resunet, or a user's own
--   is_expected: The profile declares the set
--   n_masks: Cases with a mask that could be measured
--   n_nonempty: Cases with a mask that has foreground
--   coverage: n_nonempty over all cases of the release
--   volume_min_cm3: Least volume of the non-empty masks [cm3]
--   volume_median_cm3: Median volume of the non-empty masks [cm3]
--   volume_max_cm3: Greatest volume of the non-empty masks [cm3]
with mask_sets as (
    select
        mask,
        position as set_order,
        true as is_expected
    from inputs.expected_items
    where artefact = 'mask'
    union all
    select distinct
        masks.mask,
        1000000 as set_order,
        false as is_expected
    from masks
    anti join inputs.expected_items as expected on masks.mask = expected.mask
),

measured as (
    select
        masks.mask,
        count(*) as n_masks,
        count(*) filter (where masks.voxel_count > 0) as n_nonempty,
        min(masks.volume_cm3) filter (where masks.voxel_count > 0) as volume_min_cm3,
        median(masks.volume_cm3) filter (where masks.voxel_count > 0) as volume_median_cm3,
        max(masks.volume_cm3) filter (where masks.voxel_count > 0) as volume_max_cm3
    from masks
    inner join cases on masks.case_id = cases.case_id
    where cases.in_release
    group by masks.mask
),

release_size as (
    select count(*) filter (where in_release) as n_cases
    from cases
)

select
    mask_sets.mask,
    mask_sets.is_expected,
    coalesce(measured.n_masks, 0) as n_masks,
    coalesce(measured.n_nonempty, 0) as n_nonempty,
    coalesce(measured.n_nonempty, 0) / nullif(release_size.n_cases, 0) as coverage,
    measured.volume_min_cm3,
    measured.volume_median_cm3,
    measured.volume_max_cm3
from mask_sets
cross join release_size
left join measured on mask_sets.mask = measured.mask
order by mask_sets.set_order, mask_sets.mask
