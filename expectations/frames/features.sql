-- The published features of a case, and the sums that must hold in them.
-- grain: one row a case with published features
with by_case as (
    select
        features.case_id,
        count(*) as n_features,
        count(*) filter (where features.value is null or not isfinite(features.value))
            as n_missing,
        sum(features.value) filter (
            where listed.family = 'Histogram' and listed.statistic = 'Frequency'
        ) as frequency_sum,
        sum(features.value) filter (
            where listed.family = 'Histogram' and listed.statistic = 'Probability'
        ) as probability_sum,
        max(features.value) filter (
            where listed.family = 'Volumetric' and listed.statistic = 'Pixels'
        ) as pixels
    from features
    left join feature_catalog as listed on features.feature = listed.feature
    group by features.case_id
)

select
    case_id,
    case_id as item,
    n_features,
    n_missing,
    abs(frequency_sum - pixels) as frequency_deviation,
    abs(probability_sum - 1) as probability_deviation,
    concat('sum ', frequency_sum, ', pixels ', pixels) as frequency_text,
    concat('sum ', probability_sum) as probability_text
from by_case
order by item
