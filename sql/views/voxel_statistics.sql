-- First-order statistics of a mask's voxels in each phase, by the z-scored images: what
-- recomputed_features has under stat_mean, stat_var, stat_skew and stat_kurt, for every phase and
-- every mask. More of them: the macros voxel_percentiles(phase) and voxel_entropy(phase, bins).
-- grain: one row per case, mask and phase with a value
-- key: case_id, mask, phase
-- source: IBSI reference manual, intensity-based statistical features
-- columns:
--   case_id: The subject at baseline, such as ISPY1_1002
--   mask: Mask set
--   phase: DCE phase: 0, 1 or 2
--   n_voxels: Voxels of the mask on the 1 mm grid with a value in this phase [voxels]
--   mean: Mean of the scaled intensities (IBSI Q4LE)
--   variance: Their variance, with ddof 0 (IBSI ECT3)
--   skewness: Their skewness; 0 where all are equal (IBSI KE2A)
--   kurtosis: Their excess kurtosis; 0 where all are equal (IBSI IPH6)
--   minimum: Their minimum (IBSI 1GSF)
--   maximum: Their maximum (IBSI 84IY)
with inside as (
    select
        case_id,
        columns('z.')::double,
        columns('in_.*')
    from voxels
    where n_masks > 0
),

combinations as (
    select
        case_id,
        columns('in_.*'),
        {
            'n': count(columns('z.')),
            'power_1': sum(columns('z.')),
            'power_2': sum(columns('z.') * columns('z.')),
            'power_3': sum(columns('z.') * columns('z.') * columns('z.')),
            'power_4': sum(columns('z.') * columns('z.') * columns('z.') * columns('z.')),
            'minimum': min(columns('z.')),
            'maximum': max(columns('z.'))
        }
    from inside
    group by all
),

by_mask as (
    unpivot combinations on columns('in_.*') into name mask value is_in
),

by_phase as (
    unpivot by_mask on columns('z.') into name phase value part
),

means as (
    select
        case_id,
        substr(mask, 4) as mask,
        substr(phase, 2)::bigint as phase,
        sum(part['n'])::bigint as n_voxels,
        sum(part['power_1']) / n_voxels as mean,
        sum(part['power_2']) / n_voxels as power_2,
        sum(part['power_3']) / n_voxels as power_3,
        sum(part['power_4']) / n_voxels as power_4,
        min(part['minimum']) as minimum,
        max(part['maximum']) as maximum
    from by_phase
    where is_in
    group by all
    having sum(part['n']) > 0
),

moments as (
    select
        *,
        case when maximum > minimum then power_2 - mean ** 2 else 0 end as variance
    from means
)

select
    case_id,
    mask,
    phase,
    n_voxels,
    mean,
    variance,
    case
        when variance > 0
            then (power_3 - 3 * mean * power_2 + 2 * mean ** 3) / variance ** 1.5
        else 0
    end as skewness,
    case
        when variance > 0
            then
                (power_4 - 4 * mean * power_3 + 6 * mean ** 2 * power_2 - 3 * mean ** 4)
                / variance ** 2 - 3
        else 0
    end as kurtosis,
    minimum,
    maximum
from moments
order by case_id, mask, phase
