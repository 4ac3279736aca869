-- Volumes of the declared masks against those at the last tag (reference_volumes).
-- grain: one row a declared mask set with a non-empty mask at that tag
-- A change is a factor less 1, the same for growing and shrinking: half and double are both 1.
-- A set without a non-empty mask today has changed without bound.
with today as (
    select
        mask,
        quantile_cont(volume_cm3, 0.1) as p10,
        median(volume_cm3) as median,
        quantile_cont(volume_cm3, 0.9) as p90
    from masks
    where voxel_count > 0
    group by mask
)

select
    reference.mask as item,
    null::varchar as case_id,
    coalesce(
        greatest(today.p10 / reference.p10, reference.p10 / today.p10) - 1, 'infinity'::double
    ) as p10_change,
    coalesce(
        greatest(today.median / reference.median, reference.median / today.median) - 1,
        'infinity'::double
    ) as median_change,
    coalesce(
        greatest(today.p90 / reference.p90, reference.p90 / today.p90) - 1, 'infinity'::double
    ) as p90_change,
    concat(
        reference.mask, ' ', round(reference.p10, 3), ' cm3 at ', reference.tag, ', ',
        coalesce(round(today.p10, 3)::varchar, 'no'), ' cm3 now'
    ) as p10_text,
    concat(
        reference.mask, ' ', round(reference.median, 3), ' cm3 at ', reference.tag, ', ',
        coalesce(round(today.median, 3)::varchar, 'no'), ' cm3 now'
    ) as median_text,
    concat(
        reference.mask, ' ', round(reference.p90, 3), ' cm3 at ', reference.tag, ', ',
        coalesce(round(today.p90, 3)::varchar, 'no'), ' cm3 now'
    ) as p90_text
from reference_volumes as reference
inner join profile_masks as declared on reference.mask = declared.mask
left join today on reference.mask = today.mask
order by item
