-- What every published feature is, and whether it can be computed again.
-- Families and statistics are described in sql/published_catalog.csv; a statistic without a line
-- of its own has that of its family.
-- grain: one row per published feature
-- key: feature
-- source: CBICA/CaPTk and ITK source code, as the modules etl/measure/captk_*.py cite it
-- columns:
--   feature: Name as the publisher spells it
--   family: Feature family
--   statistic: The statistic
--   tier: exact (its definition is known), concordance (known but for a detail), not_comparable
--   is_fragile: A few voxels change it by any amount, as a mode or a bin of the histogram
--   definition: What the publisher's program computes
--   reason: Why the tier is not exact
with matched as (
    select
        feature_catalog.feature,
        feature_catalog.family,
        feature_catalog.statistic,
        defined.tier,
        defined.is_fragile,
        defined.definition,
        defined.reason,
        row_number() over (
            partition by feature_catalog.feature
            order by defined.statistic = '*'
        ) as preference
    from feature_catalog
    left join inputs.published_catalog as defined
        on
            feature_catalog.family = defined.family
            and defined.statistic in (feature_catalog.statistic, '*')
)

select
    feature,
    family,
    statistic,
    coalesce(tier, 'not_comparable') as tier,
    coalesce(is_fragile, false) as is_fragile,
    definition,
    case when tier is null then 'not in sql/published_catalog.csv' else reason end as reason
from matched
where preference = 1
order by feature
