-- Gain of the mean signal inside each mask since before contrast, by phase; the zero level is that
-- of kinetics.
select
    phases.case_id,
    phases.mask,
    phases.phase,
    phases.n_voxels,
    100 * (phases.mean - baseline.mean) / (baseline.mean - kinetics.zero_level) as gain_percent
from voxel_statistics as phases
inner join voxel_statistics as baseline
    on phases.case_id = baseline.case_id and phases.mask = baseline.mask and baseline.phase = 0
inner join kinetics
    on
        phases.case_id = kinetics.case_id
        and phases.mask = kinetics.mask
        and kinetics.image_set = '{normalized}'
where baseline.mean > kinetics.zero_level
order by phases.case_id, phases.mask, phases.phase
