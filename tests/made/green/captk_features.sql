-- A histogram whose frequencies add up to the voxels, and the largest component.
select
    case_id, image_set, 1 as phase, 'stv_manual' as mask, feature, value,
    if(feature like '%Bin-%', '-', null) as image_blob_md5
from features, (values ('n3'), ('zscored')) as sets (image_set)
where feature like '%Bin-%' or feature like '%\_Pixels' escape '\'
union all by name
select
    case_id, image_set, 1 as phase, 'stv_manual' as mask, 4096 as value,
    'T1_E_Morphologic_LargestComponentSize' as feature
from
    (values ('ISPY1_9001'), ('ISPY1_9002')) as release (case_id),
    (values ('n3'), ('zscored')) as sets (image_set)
