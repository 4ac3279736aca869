-- On the native grid as published, on 1 mm half of it.
select
    case_id, image_set, 1 as phase, 'stv_manual' as mask, feature, value * factor as value,
    format('image_{}_1', image_set) as grid_role
from features, (values ('n3', 1.0), ('zscored', 0.5)) as sets (image_set, factor)
where case_id in ('ISPY1_9001', 'ISPY1_9002')
