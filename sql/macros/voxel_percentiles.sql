-- Percentiles of a mask's voxels in one phase, by the z-scored images: what recomputed_features has
-- under stat_p10, stat_median and stat_p90, for every mask and phase.
-- parameters:
--   phase: DCE phase: 0, 1 or 2
-- grain: one row per case and mask with a value
-- key: case_id, mask
-- source: IBSI reference manual, intensity-based statistical features
-- columns:
--   case_id: The subject at baseline, such as ISPY1_1002
--   mask: Mask set
--   p10: 10th percentile of the scaled intensities, linear between order statistics (IBSI QG58)
--   p25: 25th percentile of the scaled intensities
--   median: Median of the scaled intensities (IBSI Y12H)
--   p75: 75th percentile of the scaled intensities
--   p90: 90th percentile of the scaled intensities (IBSI 8DWT)
with signals as (
    select
        case_id,
        (case phase when 0 then z0 when 1 then z1 when 2 then z2 end)::double as z,
        columns('in_.*')
    from voxels
    where greatest(*columns('in_.*'))
),

percentiles as (
    select
        case_id,
        quantile_cont(case when columns('in_.*') then z end, [0.1, 0.25, 0.5, 0.75, 0.9])
    from signals
    group by case_id
),

by_mask as (
    unpivot percentiles on columns('in_.*') into name mask value p
)

select
    case_id,
    mask[4:] as mask,
    p[1] as p10,
    p[2] as p25,
    p[3] as median,
    p[4] as p75,
    p[5] as p90
from by_mask
order by case_id, mask
