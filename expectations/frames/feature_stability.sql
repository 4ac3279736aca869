-- The reliability of recomputed features, against the values that it follows from.
-- grain: one row an image set, phase and feature of feature_stability; one that says so where
-- recompute.inputs of params.yaml does not ask for the same features inside both masks
with asked as (
    select
        image_set,
        phase,
        feature
    from recomputed_features
    where mask in ('{expert}', '{network}')
    group by image_set, phase, feature
    having count(distinct mask) = 2
),

pairs as (
    select
        manual.image_set,
        manual.phase,
        manual.feature,
        count(*) as n_cases
    from recomputed_features as manual
    inner join recomputed_features as resunet
        on
            manual.case_id = resunet.case_id
            and manual.image_set = resunet.image_set
            and manual.phase = resunet.phase
            and manual.feature = resunet.feature
    where
        manual.mask = '{expert}' and resunet.mask = '{network}'
        and manual.value is not null and resunet.value is not null
    group by manual.image_set, manual.phase, manual.feature
)

select
    null::varchar as case_id,
    concat(stable.image_set, ' ', stable.phase, ': ', stable.feature) as item,
    stable.n_cases = coalesce(pairs.n_cases, 0) as is_counted,
    -- True where there is none: a release of fewer than 10 cases has none at all.
    coalesce(stable.icc <= 1, true) as is_at_most_1,
    -- Rounded: where the raters agree to the last digit, the three are one number.
    coalesce(
        round(least(stable.icc - stable.icc_low, stable.icc_high - stable.icc), 9) >= 0, true
    ) as is_inside,
    concat(stable.icc, ' in ', stable.icc_low, ' to ', stable.icc_high) as interval_text,
    concat(stable.n_cases, ' counted, ', pairs.n_cases, ' in recomputed_features') as count_text
from feature_stability as stable
left join pairs
    on
        stable.image_set = pairs.image_set
        and stable.phase = pairs.phase
        and stable.feature = pairs.feature
union all by name
select
    concat('recompute.inputs: not both of ', '{expert}', ' and ', '{network}') as item,
    true as is_counted,
    true as is_at_most_1,
    true as is_inside
where not exists (select asked.feature from asked)
order by item
