-- Does the FTV hold what the trial's own threshold lets through? Share of its voxels that reach
-- the PE threshold of the case's baseline segmentation, lowest first. The mask was made from the
-- trial's own images, not from the z-scored ones: a share below 1 is expected
select
    kinetics.case_id,
    scanner_by_case.manufacturer,
    kinetics.pe_threshold_percent,
    kinetics.share_at_trial_threshold,
    kinetics.pe_p25_percent,
    kinetics.pe_median_percent,
    kinetics.mask_volume_cm3
from kinetics
left join scanner_by_case on kinetics.case_id = scanner_by_case.case_id
where
    kinetics.mask = '{functional}'
    and kinetics.image_set = '{normalized}'
    and kinetics.share_at_trial_threshold is not null
order by kinetics.share_at_trial_threshold, kinetics.case_id
