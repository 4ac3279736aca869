-- The audit of every published feature.
-- grain: one row a published feature
-- compared is null where the definition is not known, and else 1 or 0.
select
    null::varchar as case_id,
    feature as item,
    verdict,
    n_wrong_values,
    coalesce(reason, '') != 'not in sql/published_catalog.csv' as is_in_catalog,
    case when tier != 'not_comparable' then if(n > 0, 1.0, 0.0) end as compared,
    concat(n_wrong_values, ' wrong: ', array_to_string(worst_cases, ', ')) as outlier_text
from feature_audit
order by item
