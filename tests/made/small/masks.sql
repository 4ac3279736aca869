-- All on the right of the body except those of 9002, whose FTV is empty; `mine` is of one's own.
select
    case_id, mask, voxel_count, volume_cm3, true as matches_image_grid,
    format('masks_{}/{}.nii.gz', mask, case_id) as path,
    least(voxel_count, 1) as n_components,
    if(voxel_count > 0, if(case_id = 'ISPY1_9002', -40, 50), null) as centroid_r_mm,
    if(voxel_count > 0, 30, null) as max_diameter_mm,
    if(voxel_count > 0, 25, null) as largest_component_max_diameter_mm
from (values
    ('ISPY1_9001', 'ftv', 3000, 4),
    ('ISPY1_9001', 'stv_manual', 5000, 5),
    ('ISPY1_9001', 'stv_resunet', 6000, 6),
    ('ISPY1_9002', 'ftv', 0, 0),
    ('ISPY1_9002', 'stv_manual', 2000, 2),
    ('ISPY1_9002', 'stv_resunet', 1000, 1),
    ('ISPY1_9004', 'stv_manual', 9000, 9),
    ('ISPY1_9004', 'mine', 8000, 8)
) as masks (case_id, mask, voxel_count, volume_cm3)
