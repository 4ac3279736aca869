-- The audit of every published feature.
-- grain: one row a published feature
-- compared is null where the definition is not known, and else 1 or 0.
select
    null::varchar as case_id,
    audited.feature as item,
    audited.verdict,
    audited.n_wrong_values,
    coalesce(audited.reason, '') != 'not in sql/published_catalog.csv' as is_in_catalog,
    case when audited.tier != 'not_comparable' then if(audited.n > 0, 1.0, 0.0) end as compared,
    concat(
        audited.n_wrong_values, ' wrong: ', array_to_string(audited.worst_cases, ', ')
    ) as outlier_text,
    (
        audited.n = coalesce(best.n, 0)
        and coalesce(audited.max_relative_difference, -1)
        = coalesce(best.max_relative_difference, -1)
    ) as is_its_fit,
    concat(
        audited.n, ' cases, at most ', audited.max_relative_difference, '; feature_fits: ',
        best.n, ' cases, at most ', best.max_relative_difference
    ) as fit_text
from feature_audit as audited
left join feature_fits as best on audited.feature = best.feature and best.is_best
order by item
