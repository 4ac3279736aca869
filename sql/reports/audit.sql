-- Audit: how far the published features agree with what their definitions give, by family
select
    feature_catalog.family,
    feature_audit.tier,
    feature_audit.verdict,
    feature_audit.image_set,
    count(*) as n_features,
    max(feature_audit.n) as n_cases,
    median(feature_audit.median_relative_difference) as median_relative_difference,
    sum(feature_audit.n_wrong_values) as n_wrong_values
from feature_audit
inner join feature_catalog on feature_audit.feature = feature_catalog.feature
group by all
order by
    min(feature_catalog.position), feature_audit.tier, feature_audit.verdict,
    feature_audit.image_set
