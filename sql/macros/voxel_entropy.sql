-- Entropy and uniformity of the grey levels of a mask's voxels in one phase, by the z-scored
-- images, at any number of bins between the least and the greatest intensity (IBSI's fixed bin
-- number): what recomputed_features has under ih_entropy and ih_uniformity.
-- parameters:
--   phase: DCE phase: 0, 1 or 2
--   bins: Number of grey levels; recompute.bins of params.yaml for those of recomputed_features
-- grain: one row per case and mask with a value
-- key: case_id, mask
-- source: IBSI reference manual, intensity histogram features
-- columns:
--   case_id: The subject at baseline, such as ISPY1_1002
--   mask: Mask set
--   n_voxels: Voxels of the mask on the 1 mm grid with a value in this phase [voxels]
--   entropy: Entropy of the grey levels (IBSI TLU2) [bits]
--   uniformity: Uniformity of the grey levels (IBSI BJ5W)
with signals as not materialized (
    select
        case_id,
        (case phase when 0 then z0 when 1 then z1 when 2 then z2 end)::double as z,
        columns('in_.*')
    from voxels
    where n_masks > 0
),

spreads as (
    select
        case_id,
        {
            'n': count(case when columns('in_.*') then z end),
            'low': min(case when columns('in_.*') then z end),
            'high': max(case when columns('in_.*') then z end)
        }
    from signals
    group by case_id
),

ranges as (
    select
        case_id,
        mask,
        row_number() over (partition by case_id order by mask) as number,
        spread['n'] as n_voxels,
        spread['low'] as low,
        nullif(spread['high'] - spread['low'], 0) as width,
        bins as n_bins
    from (unpivot spreads on columns('in_.*') into name mask value spread)
),

inside as (
    unpivot signals on columns('in_.*') into name mask value is_in
),

levels as (
    select
        inside.case_id,
        ranges.number,
        floor(ranges.n_bins * (inside.z - ranges.low) / ranges.width)::integer as level,
        any_value(ranges.mask) as mask,
        any_value(ranges.n_voxels) as n_voxels,
        count(*) / any_value(ranges.n_voxels) as share
    from inside
    inner join ranges on inside.case_id = ranges.case_id and inside.mask = ranges.mask
    where inside.is_in and inside.z is not null
    group by all
),

grey_levels as (
    select
        case_id,
        mask,
        least(level, bins - 1) as grey_level,  -- the last one holds the maximum
        any_value(n_voxels) as n_voxels,
        sum(share) as share
    from levels
    group by all
)

select
    case_id,
    substr(mask, 4) as mask,
    any_value(n_voxels) as n_voxels,
    -sum(share * log2(share)) as entropy,
    sum(share ** 2) as uniformity
from grey_levels
group by case_id, mask
order by case_id, mask
