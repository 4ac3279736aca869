-- The pairs of declared masks that a case has. A user's own mask sets carry no contract.
-- grain: one row a case and pair of measured masks of declared sets
-- *_mm and *_share are null where a mask is empty. Sums are rounded: a mean of equal distances may
-- differ from them in the last digit.
with wanted as (
    select
        one.case_id,
        one.mask as first_mask,
        other.mask as second_mask,
        one.voxel_count > 0 and other.voxel_count > 0 as has_foreground
    from masks as one
    inner join masks as other on one.case_id = other.case_id and one.mask < other.mask
    where
        one.mask in (select profile_masks.mask from profile_masks)
        and other.mask in (select profile_masks.mask from profile_masks)
),

compared as (
    select
        *,
        least(mask_a, mask_b) as first_mask,
        greatest(mask_a, mask_b) as second_mask
    from mask_agreement
)

select
    wanted.case_id,
    compared.case_id is not null as is_compared,
    compared.dice,
    concat(
        coalesce(compared.mask_a, wanted.first_mask), ' | ',
        coalesce(compared.mask_b, wanted.second_mask)
    ) as item,
    case
        when wanted.has_foreground and compared.case_id is not null
            then if(compared.dice is null, 0.0, 1.0)
    end as is_known,
    least(
        compared.dice, compared.jaccard, compared.a_inside_b_fraction, compared.b_inside_a_fraction
    ) as least_share,
    greatest(
        compared.dice, compared.jaccard, compared.a_inside_b_fraction, compared.b_inside_a_fraction
    ) as greatest_share,
    abs(compared.dice - 2 * compared.jaccard / (1 + compared.jaccard)) as dice_gap,
    least(
        compared.hausdorff95_mm, compared.assd_mm, compared.centroid_distance_mm
    ) as least_distance_mm,
    round(greatest(compared.hausdorff95_mm, compared.assd_mm) - compared.hausdorff_mm, 9)
        as beyond_hausdorff_mm,
    concat('compared on the ', compared.grid, ' grid') as grid_text
from wanted
left join compared
    on
        wanted.case_id = compared.case_id
        and wanted.first_mask = compared.first_mask
        and wanted.second_mask = compared.second_mask
order by wanted.case_id, item
