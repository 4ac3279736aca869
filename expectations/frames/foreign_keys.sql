-- Every value that points to another table, and whether it lands there.
-- grain: one row a table, column and distinct value
with pointers as (
    select
        'images' as origin,
        'cases' as points_to,
        case_id as pointer
    from images
    union
    select
        'masks' as origin,
        'cases' as points_to,
        case_id as pointer
    from masks
    union
    select
        'features' as origin,
        'cases' as points_to,
        case_id as pointer
    from features
    union
    select
        'clinical' as origin,
        'cases' as points_to,
        case_id as pointer
    from clinical
    union
    select
        'outcomes' as origin,
        'cases' as points_to,
        case_id as pointer
    from outcomes
    union
    select
        'acquisitions' as origin,
        'cases' as points_to,
        case_id as pointer
    from acquisitions
    union
    select
        'phase_fits' as origin,
        'cases' as points_to,
        case_id as pointer
    from phase_fits
    union
    select
        'kinetics' as origin,
        'cases' as points_to,
        case_id as pointer
    from kinetics
    union
    select
        'blobs' as origin,
        'cases' as points_to,
        case_id as pointer
    from blobs
    where case_id is not null
    union
    select
        'findings' as origin,
        'cases' as points_to,
        case_id as pointer
    from findings
    where case_id is not null
    union
    select
        'captk_features' as origin,
        'cases' as points_to,
        case_id as pointer
    from captk_features
    union
    select
        'feature_audit' as origin,
        'feature_catalog' as points_to,
        feature as pointer
    from feature_audit
    union
    select
        'features' as origin,
        'feature_catalog' as points_to,
        feature as pointer
    from features
    union
    select
        'images' as origin,
        'blobs' as points_to,
        path as pointer
    from images
    union
    select
        'mask_agreement' as origin,
        'cases' as points_to,
        case_id as pointer
    from mask_agreement
    union
    select
        'recomputed_features' as origin,
        'cases' as points_to,
        case_id as pointer
    from recomputed_features
    union
    select
        'recomputed_features' as origin,
        'recomputed_catalog' as points_to,
        feature as pointer
    from recomputed_features
    union
    select
        'feature_stability' as origin,
        'recomputed_catalog' as points_to,
        feature as pointer
    from feature_stability
    union
    select
        'masks' as origin,
        'blobs' as points_to,
        path as pointer
    from masks
),

targets as (
    select
        'cases' as points_to,
        case_id as pointer
    from cases
    union
    select
        'feature_catalog' as points_to,
        feature as pointer
    from feature_catalog
    union
    select
        'recomputed_catalog' as points_to,
        feature as pointer
    from inputs.recomputed_catalog
    union
    select
        'blobs' as points_to,
        path as pointer
    from blobs
)

select
    concat(pointers.pointer, ' (', pointers.origin, ')') as item,
    case when pointers.points_to = 'cases' then pointers.pointer end as case_id,
    targets.pointer is not null as has_target,
    concat('not in ', pointers.points_to) as shown
from pointers
left join targets
    on pointers.points_to = targets.points_to and pointers.pointer = targets.pointer
order by item
