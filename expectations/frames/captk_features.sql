-- What was computed again of a case on each of the candidate inputs.
-- grain: one row an expert's mask with foreground and image of the first phase after contrast
-- A mask of a few voxels may lie between the voxel centres of the other grid: a warning of
-- captk_features says so, and there is nothing to measure.
with lost as (
    select
        masks.case_id,
        regexp_extract(findings.check, 'mask_empty_on_grid:image_(.+)_1', 1) as image_set
    from findings
    inner join masks on findings.case_id = masks.case_id
    cross join profile_numbers as few
    where
        findings.table = 'captk_features' and findings.check like 'mask_empty_on_grid:%'
        and masks.mask = '{expert}'
        and few.name = 'recomputed_voxels_min' and masks.voxel_count < few.number
),

wanted as (
    select
        masks.case_id,
        images.image_set
    from masks
    inner join images on masks.case_id = images.case_id
    where masks.mask = '{expert}' and masks.voxel_count > 0 and images.phase = 1
),

computed as (
    select
        case_id,
        image_set,
        count(*) as n_features,
        count(image_blob_md5) as n_of_image,
        count(*) filter (where value is null or not isfinite(value)) as n_undefined,
        sum(value) filter (where feature like '%\_Bin-%\_Frequency' escape '\') as frequency_sum,
        sum(value) filter (where feature like '%\_Bin-%\_Probability' escape '\')
            as probability_sum,
        max(value) filter (where feature like '%\_Volumetric\_Pixels' escape '\') as pixels,
        max(value) filter (where feature like '%\_LargestComponentSize' escape '\') as largest
    from captk_features
    group by case_id, image_set
)

select
    wanted.case_id,
    computed.n_undefined,
    wanted.image_set as item,
    coalesce(computed.n_of_image, 0) > 0 or lost.case_id is not null as is_measured,
    abs(computed.frequency_sum - computed.pixels) as frequency_deviation,
    abs(computed.probability_sum - 1) as probability_deviation,
    computed.largest - computed.pixels as largest_excess,
    concat(
        coalesce(computed.n_features, 0), ' features, ', computed.n_undefined, ' without a value'
    ) as n_text,
    concat('sum ', computed.frequency_sum, ', voxels ', computed.pixels) as frequency_text
from wanted
left join computed
    on wanted.case_id = computed.case_id and wanted.image_set = computed.image_set
left join lost on wanted.case_id = lost.case_id and wanted.image_set = lost.image_set
order by wanted.case_id, item
