-- Structural masks, the expert's in two phases; the volume by mesh is 10 mm3 below the voxels'.
select
    case_id, 'zscored' as image_set, phase, mask, feature,
    if(feature = 'morph_volume', 1000 * volume_cm3 - 10, 2) as value,
    if(feature = 'stat_mean', repeat('1', 32), null) as image_blob_md5
from
    masks,
    (values ('stv_manual', 1), ('stv_manual', 2), ('stv_resunet', 1)) as phases (of_mask, phase),
    (values ('morph_volume'), ('stat_mean')) as features (feature)
where mask = of_mask
