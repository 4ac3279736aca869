-- Every feature is 0.5 but those that the table masks has.
select
    case_id, image_set, 1 as phase, mask, feature,
    case feature
        when 'morph_volume' then mesh_volume_mm3
        when 'morph_area_mesh' then surface_area_mm2
        when 'morph_sphericity' then sphericity
        when 'morph_diam' then max_diameter_mm
        else 0.5
    end as value
from
    masks,
    (values ('zscored', 'stv_manual'), ('zscored', 'stv_resunet'), ('n3', 'ftv'))
        as inputs (image_set, of_mask),
    ibsi_features
where mask = of_mask and (mask != 'ftv' or is_shape)
