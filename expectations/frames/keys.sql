-- Rows beyond the first that have a key, table by table.
-- grain: one row a table
with counted as (
    select
        'blobs' as item,
        count(*) - count(distinct path) as n_repeated
    from blobs
    union all
    select
        'cases' as item,
        count(*) - count(distinct case_id) as n_repeated
    from cases
    union all
    select
        'images' as item,
        count(*) - count(distinct row(case_id, image_set, phase)) as n_repeated
    from images
    union all
    select
        'masks' as item,
        count(*) - count(distinct row(case_id, mask)) as n_repeated
    from masks
    union all
    select
        'features' as item,
        count(*) - count(distinct row(case_id, feature)) as n_repeated
    from features
    union all
    select
        'feature_catalog' as item,
        count(*) - count(distinct feature) as n_repeated
    from feature_catalog
    union all
    select
        'clinical' as item,
        count(*) - count(distinct case_id) as n_repeated
    from clinical
    union all
    select
        'outcomes' as item,
        count(*) - count(distinct case_id) as n_repeated
    from outcomes
    union all
    select
        'mask_agreement' as item,
        count(*) - count(distinct row(case_id, mask_a, mask_b)) as n_repeated
    from mask_agreement
    union all
    select
        'acquisitions' as item,
        count(*) - count(distinct series_instance_uid) as n_repeated
    from acquisitions
    union all
    select
        'phase_fits' as item,
        count(*) - count(distinct row(case_id, phase)) as n_repeated
    from phase_fits
    union all
    select
        'kinetics' as item,
        count(*) - count(distinct row(case_id, mask, image_set)) as n_repeated
    from kinetics
    union all
    select
        'recomputed_features' as item,
        count(*) - count(distinct row(case_id, image_set, phase, mask, feature)) as n_repeated
    from recomputed_features
    union all
    select
        'captk_features' as item,
        count(*) - count(distinct row(case_id, image_set, phase, mask, feature)) as n_repeated
    from captk_features
    union all
    select
        'feature_audit' as item,
        count(*) - count(distinct feature) as n_repeated
    from feature_audit
    union all
    select
        'feature_stability' as item,
        count(*) - count(distinct row(image_set, phase, feature)) as n_repeated
    from feature_stability
    union all
    select
        'findings' as item,
        count(*) - count(distinct finding_id) as n_repeated
    from findings
)

select
    item,
    null::varchar as case_id,
    n_repeated
from counted
order by item
