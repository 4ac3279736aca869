-- How far a recomputed feature ranks the cases alike in two phases of one image set and mask.
-- Only where params.yaml lists an image set and mask with several phases: as it comes, it lists the
-- first phase after contrast alone, and this view is empty. Add to `recompute.inputs`, say,
-- `{image_set: zscored, phase: 2, mask: stv_manual, families: all}`, and run `ispy1 repro`.
-- grain: one row per image set, mask, pair of phases and feature
-- key: image_set, mask, phase_a, phase_b, feature
-- source: fewer than 10 cases give no correlation, as in feature_stability
-- columns:
--   image_set: n3 or zscored
--   mask: The mask set
--   phase_a: The earlier phase
--   phase_b: The later phase
--   feature: IBSI name
--   n_cases: Cases with a value in both phases
--   spearman: Spearman's rank correlation; null below 10 cases and where all values of a phase are
--     equal. 1 for a feature of the shape alone, which no phase changes
with paired as (
    select
        one.image_set,
        one.mask,
        one.phase as phase_a,
        other.phase as phase_b,
        one.feature,
        one.value as value_a,
        other.value as value_b,
        row(one.image_set, one.mask, one.phase, other.phase, one.feature) as series
    from recomputed_features as one
    inner join recomputed_features as other
        on
            one.case_id = other.case_id
            and one.image_set = other.image_set
            and one.mask = other.mask
            and one.feature = other.feature
            and one.phase < other.phase
    where one.value is not null and other.value is not null
),

-- Equal values share the mean of their ranks.
ranked as (
    select
        *,
        rank() over (partition by series order by value_a asc)
        + (count(*) over (partition by series, value_a) - 1) / 2 as rank_a,
        rank() over (partition by series order by value_b asc)
        + (count(*) over (partition by series, value_b) - 1) / 2 as rank_b
    from paired
)

select
    image_set,
    mask,
    phase_a,
    phase_b,
    feature,
    count(*) as n_cases,
    case
        when count(*) >= 10 and count(distinct rank_a) > 1 and count(distinct rank_b) > 1
            then round(corr(rank_a, rank_b), 12)
    end as spearman
from ranked
group by image_set, mask, phase_a, phase_b, feature
order by image_set asc, mask asc, phase_a asc, phase_b asc, feature asc
