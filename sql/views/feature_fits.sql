-- How well each published feature agrees with each input that it may have been measured on.
-- feature_audit has the input that fits best; this is all of them. The paper says 1 mm z-scored
-- images, the published volumes say the native grid.
-- grain: one row per published feature and candidate input
-- key: feature, image_set, phase, mask
-- columns:
--   feature: Name as the publisher spells it
--   image_set: zscored (1 mm grid) or n3 (native grid)
--   phase: DCE phase
--   mask: Mask that was measured, carried to that grid
--   n: Cases with a published and a recomputed value
--   n_equal: Cases whose values are equal within a millionth
--   median_relative_difference: Median of |published - recomputed| over the larger of the two
--   max_relative_difference: The largest of these
--   is_best: feature_audit takes this input
with compared as (
    select
        features.case_id,
        features.feature,
        recomputed.image_set,
        recomputed.phase,
        recomputed.mask,
        coalesce(
            abs(features.value - recomputed.value)
            / nullif(greatest(abs(features.value), abs(recomputed.value)), 0), 0
        ) as relative_difference
    from features
    inner join captk_features as recomputed
        on features.case_id = recomputed.case_id and features.feature = recomputed.feature
    where features.value is not null and recomputed.value is not null
)

select
    compared.feature,
    compared.image_set,
    compared.phase,
    compared.mask,
    count(*) as n,
    count(*) filter (where compared.relative_difference <= 1e-6) as n_equal,
    median(compared.relative_difference) as median_relative_difference,
    max(compared.relative_difference) as max_relative_difference,
    coalesce(
        compared.image_set = any_value(feature_audit.image_set)
        and compared.phase = any_value(feature_audit.phase)
        and compared.mask = any_value(feature_audit.mask), false
    ) as is_best
from compared
left join feature_audit on compared.feature = feature_audit.feature
group by compared.feature, compared.image_set, compared.phase, compared.mask
order by compared.feature, compared.image_set, compared.phase, compared.mask
