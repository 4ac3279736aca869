-- The FTV of 9001 reaches its threshold with 80 % of its voxels.
select
    medians.*, -1 as zero_level, 1000 as n_voxels, 1 as mask_volume_cm3,
    if(pe_median_percent is null, null, 800) as n_enhancing,
    if(pe_median_percent is null, null, 0.8) as enhancing_volume_pe70_cm3,
    ser_median::double - 0.9 as washout_fraction,
    if(ser_median is null, null, 0.1) as persistent_fraction,
    if(mask = 'ftv', 70, null) as pe_threshold_percent,
    if(mask = 'ftv', 0.8, null) as share_at_trial_threshold
from (values
    ('ISPY1_9001', 'stv_manual', 'zscored', 120, 1),
    ('ISPY1_9001', 'stv_manual', 'n3', 118, 1),
    ('ISPY1_9001', 'ftv', 'zscored', 150, 1.2),
    ('ISPY1_9002', 'stv_manual', 'zscored', 180, 1.4),
    ('ISPY1_9002', 'stv_manual', 'n3', null, null),
    ('ISPY1_9003', 'stv_manual', 'zscored', 90, null),
    ('ISPY1_9004', 'mine', 'zscored', null, null)
) as medians (case_id, mask, image_set, pe_median_percent, ser_median)
