-- The features recomputed of one image and one mask, against the table masks and their own bounds.
-- grain: one row a mask of a declared set and an input of params.yaml that names its set
-- n_shape_unknown and n_unknown are null for a mask too small or flat to have every feature, and
-- for one above a limit of params.yaml, which a finding says;
-- n_unknown also where the image is missing, which the suite coverage judges.
-- source: fewest voxels and slices as the engine asks for them (z-rad 26.9, RoiMaskValidator)
with listed as (
    select distinct
        image_set,
        phase,
        mask
    from recomputed_features
),

given_up as (
    select distinct findings.path
    from findings
    where findings.table = 'recomputed_features' and findings.check like 'above_limit:%'
),

few as (
    select max(number) filter (where name = 'recomputed_voxels_min') as n_voxels
    from profile_numbers
),

wanted as (
    select
        masks.case_id,
        masks.mask,
        masks.blob_md5,
        masks.mesh_volume_mm3,
        masks.surface_area_mm2,
        masks.sphericity,
        masks.max_diameter_mm,
        listed.image_set,
        listed.phase,
        images.case_id is not null as has_image,
        coalesce(
            masks.voxel_count >= few.n_voxels
            and least(
                masks.bbox_max_x - masks.bbox_min_x,
                masks.bbox_max_y - masks.bbox_min_y,
                masks.bbox_max_z - masks.bbox_min_z
            ) >= 2
            and given_up.path is null,
            false
        ) as is_large
    from masks
    inner join profile_masks as declared on masks.mask = declared.mask
    inner join listed on masks.mask = listed.mask
    cross join few
    left join given_up on masks.path = given_up.path
    left join images
        on
            masks.case_id = images.case_id
            and listed.image_set = images.image_set
            and listed.phase = images.phase
),

-- Shares, densities of a body in one that holds it, and correlations. Others have no bound.
bounded as (
    select
        recomputed_features.*,
        catalog.needs_image,
        case
            when recomputed_features.feature like 'cm_corr%' then -1.0
            when recomputed_features.feature like 'cm_info_corr1%' then -1.0
            when
                regexp_matches(
                    recomputed_features.feature,
                    '_norm|_perc_|joint_max|cm_energy|inv_diff|uniformity|sphericity|elongation'
                    || '|flatness|comp_2|vol_dens_aabb|vol_dens_conv|info_corr2'
                )
                then 0.0
        end as low
    from recomputed_features
    inner join inputs.recomputed_catalog as catalog
        on recomputed_features.feature = catalog.feature
),

judged as (
    select
        *,
        -- A sum of rounded shares may come out a little above 1.
        low is not null and (value < low - 1e-9 or value > 1 + 1e-9) as is_beyond
    from bounded
),

found as (
    select
        case_id,
        image_set,
        phase,
        mask,
        any_value(mask_blob_md5) as mask_blob_md5,
        count(*) filter (where value is null and not needs_image) as n_shape_unknown,
        count(*) filter (where value is null and needs_image) as n_unknown,
        count(*) filter (where is_beyond) as n_beyond,
        string_agg(feature, ', ' order by feature) filter (where value is null) as unknown,
        string_agg(concat(feature, ' ', value), ', ' order by feature) filter (where is_beyond)
            as beyond,
        max(value) filter (where feature = 'morph_volume') as mesh_volume_mm3,
        max(value) filter (where feature = 'morph_area_mesh') as surface_area_mm2,
        max(value) filter (where feature = 'morph_sphericity') as sphericity,
        max(value) filter (where feature = 'morph_diam') as max_diameter_mm
    from judged
    group by case_id, image_set, phase, mask
)

select
    wanted.case_id,
    found.case_id is not null as has_features,
    found.n_beyond,
    found.unknown,
    found.beyond,
    concat(wanted.image_set, ' ', wanted.phase, ', ', wanted.mask) as item,
    case when wanted.is_large then found.n_shape_unknown end as n_shape_unknown,
    case when wanted.is_large and wanted.has_image then found.n_unknown end as n_unknown,
    greatest(
        abs(found.mesh_volume_mm3 / wanted.mesh_volume_mm3 - 1),
        abs(found.surface_area_mm2 / wanted.surface_area_mm2 - 1),
        abs(found.sphericity / wanted.sphericity - 1),
        abs(found.max_diameter_mm / wanted.max_diameter_mm - 1)
    ) as shape_deviation,
    case
        when found.mask_blob_md5 = wanted.blob_md5 then 'same'
        when found.mask_blob_md5 is not null then 'other'
    end as mask_content,
    concat(
        found.mesh_volume_mm3, ' mm3 recomputed, ', wanted.mesh_volume_mm3, ' mm3 in masks'
    ) as shape_text
from wanted
left join found
    on
        wanted.case_id = found.case_id
        and wanted.image_set = found.image_set
        and wanted.phase = found.phase
        and wanted.mask = found.mask
order by wanted.case_id, item
