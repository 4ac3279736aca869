-- Published features beside the same ones, computed again from the input that fits best. Left out:
-- bins of the histogram, and what cannot be compared.
select
    features.case_id,
    features.feature,
    features.value as published,
    captk_features.value as recomputed,
    abs(features.value - captk_features.value)
    / nullif(greatest(abs(features.value), abs(captk_features.value)), 0) as relative_difference,
    feature_audit.tier,
    feature_audit.image_set
from features
inner join feature_catalog on features.feature = feature_catalog.feature
inner join feature_audit on features.feature = feature_audit.feature
inner join captk_features
    on
        features.case_id = captk_features.case_id
        and features.feature = captk_features.feature
        and feature_audit.image_set = captk_features.image_set
        and feature_audit.phase = captk_features.phase
        and feature_audit.mask = captk_features.mask
where
    feature_catalog.bin_index is null
    and feature_audit.tier != 'not_comparable'
order by features.case_id, feature_catalog.position
