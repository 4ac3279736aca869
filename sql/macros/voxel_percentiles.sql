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
with signals as not materialized (
    select
        case_id,
        z,
        floor(64 * z)::integer as bucket,
        columns('in_.*')
    from (
        select
            case_id,
            (case phase when 0 then z0 when 1 then z1 when 2 then z2 end)::double as z,
            columns('in_.*')
        from voxels
        where n_masks > 0
    ) as chosen
    where z is not null
),

-- Values are counted first, and only those beside a percentile are kept: all would take as much
-- memory as the table.
buckets as (
    select
        case_id,
        bucket,
        columns('in_.*'),
        count(*) as n
    from signals
    group by all
),

counts as (
    select
        case_id,
        mask,
        bucket,
        sum(n) as n
    from (unpivot buckets on columns('in_.*') into name mask value is_in)
    where is_in
    group by all
),

ranked as (
    select
        *,
        sum(n) over (partition by case_id, mask order by bucket) - n as n_below,
        sum(n) over (partition by case_id, mask) - 1 as last_rank
    from counts
),

beside as (
    select
        ranked.case_id,
        ranked.mask,
        ranked.bucket,
        ranked.n_below,
        shares.share,
        shares.share * ranked.last_rank as position
    from ranked
    cross join (values (0.1), (0.25), (0.5), (0.75), (0.9)) as shares (share)
    where
        floor(shares.share * ranked.last_rank) < ranked.n_below + ranked.n
        and ceil(shares.share * ranked.last_rank) >= ranked.n_below
),

near as (
    select
        signals.*,
        beside.mask,
        beside.share,
        beside.n_below,
        beside.position
    from signals
    inner join beside on signals.case_id = beside.case_id and signals.bucket = beside.bucket
),

sorted as (
    select
        case_id,
        mask,
        share,
        position,
        z,
        n_below - 1
        + row_number() over (partition by case_id, mask, share, bucket order by z) as place
    from (unpivot near on columns('in_.*') into name name value is_in)
    where is_in and name = mask
),

ends as (
    select
        case_id,
        mask,
        share,
        any_value(position - floor(position)) as weight,
        max(z) filter (where place = floor(position)) as low,
        max(z) filter (where place = ceil(position)) as high
    from sorted
    group by all
)

select
    case_id,
    substr(mask, 4) as mask,
    max(low + weight * (high - low)) filter (where share = 0.1) as p10,
    max(low + weight * (high - low)) filter (where share = 0.25) as p25,
    max(low + weight * (high - low)) filter (where share = 0.5) as median,
    max(low + weight * (high - low)) filter (where share = 0.75) as p75,
    max(low + weight * (high - low)) filter (where share = 0.9) as p90
from ends
group by case_id, mask
order by case_id, mask
