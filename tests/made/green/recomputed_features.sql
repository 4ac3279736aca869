-- Every feature is 0.5 but those that the table masks has, and the moments of voxels.
with moments as (
    select
        avg(z1) as stat_mean, var_pop(z1) as stat_var, kurtosis_pop(z1) as stat_kurt,
        skewness(z1) * (count(*) - 2) / sqrt(count(*) * (count(*) - 1)) as stat_skew
    from (select z1::double as z1 from voxels where case_id = 'ISPY1_9001' and in_stv_manual)
)
select
    case_id, image_set, 1 as phase, mask, feature,
    case feature
        when 'morph_volume' then mesh_volume_mm3
        when 'morph_area_mesh' then surface_area_mm2
        when 'morph_sphericity' then sphericity
        when 'morph_diam' then max_diameter_mm
        when 'stat_mean' then stat_mean
        when 'stat_var' then stat_var
        when 'stat_skew' then stat_skew
        when 'stat_kurt' then stat_kurt
        else 0.5
    end as value
from
    masks,
    (values ('zscored', 'stv_manual'), ('zscored', 'stv_resunet'), ('n3', 'ftv'))
        as inputs (image_set, of_mask),
    ibsi_features, moments
where mask = of_mask and (mask != 'ftv' or is_shape)
