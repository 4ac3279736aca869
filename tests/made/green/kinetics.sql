-- 4,000 of 5,000 voxels enhance, as in voxels; a mask that is carried grows by 1 %.
select
    case_id, mask, image_set, mask_sets.grid != image_sets.grid as is_carried, 5000 as n_voxels,
    if(is_carried, 5.05, 5) as mask_volume_cm3, 0 as n_excluded_nonfinite,
    0 as zero_level,
    100 as n_excluded_low_s0, 900 as n_excluded_no_enhancement, 4000 as n_enhancing,
    40 as n_below_baseline, 80 as pe_p25_percent, 120 as pe_median_percent, 180 as pe_p75_percent,
    0.8 as ser_p25, 1 as ser_median, 1.2 as ser_p75,
    0.3 as washout_fraction, 0.3 as plateau_fraction, 0.4 as persistent_fraction,
    4 as enhancing_volume_pe70_cm3, 3 as enhancing_volume_pe90_cm3,
    2.76 as enhancing_volume_pe100_cm3, 2 as enhancing_volume_pe140_cm3,
    if(mask = 'ftv', 0.8, null) as share_at_trial_threshold
from (values ('ISPY1_9001'), ('ISPY1_9002')) as release (case_id), mask_sets, image_sets
