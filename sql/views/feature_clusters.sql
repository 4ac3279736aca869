-- Features that say nearly the same, found without the cases that a model is tested on.
-- Two features are redundant where the absolute value of Spearman's correlation exceeds 0.95; a
-- cluster is what such pairs connect. Ranks and correlations are over the training cases alone:
-- those of the other folds. So choose the fold with `where test_fold = 2`, take the
-- representatives, and no test case has had a say.
-- A case without a value of a feature takes the middle rank of it: without nulls, and so nearly
-- always, the correlation is exact.
-- grain: one row per source of features, held-out fold and feature
-- key: source, test_fold, feature
-- source: five folds, as splits.csv gives them
-- source: the recomputed features are those of phase 1 of the z-scored images inside stv_manual,
--   like the published ones; published features without histogram bins and constants
-- columns:
--   source: recomputed (recomputed_features) or published (features)
--   test_fold: The fold that is held out (splits)
--   feature: The feature
--   cluster: Number of the cluster within source and fold, in the order of the representatives
--   representative: The feature of the cluster that comes first in its catalog
--   n_in_cluster: Features in the cluster; 1 where it is like no other
--   n_cases: Training cases that it was computed from
with recursive measured as (
    select
        'recomputed' as source,
        recomputed_features.case_id,
        recomputed_features.feature,
        recomputed_features.value,
        recomputed_catalog.position
    from recomputed_features
    inner join recomputed_catalog on recomputed_features.feature = recomputed_catalog.feature
    where
        recomputed_features.image_set = '{normalized}'
        and recomputed_features.phase = 1
        and recomputed_features.mask = '{expert}'
        and recomputed_features.value is not null
    union all
    select
        'published' as source,
        features.case_id,
        features.feature,
        features.value,
        feature_catalog.position
    from features
    inner join feature_catalog on features.feature = feature_catalog.feature
    where
        feature_catalog.bin_index is null
        and feature_catalog.is_constant is not true
        and features.value is not null
),

assigned as (
    select
        measured.*,
        splits.fold
    from measured
    inner join inputs.splits as splits on measured.case_id = splits.case_id
),

held_out as (
    select folds.test_fold::bigint as test_fold
    from (values (0), (1), (2), (3), (4)) as folds (test_fold)
),

training as (
    select
        assigned.source,
        held_out.test_fold,
        assigned.case_id,
        assigned.feature,
        assigned.value,
        assigned.position
    from assigned
    inner join held_out on assigned.fold != held_out.test_fold
),

-- Distance of each rank from the middle one; equal values share the mean of their ranks.
ranked as (
    select
        source,
        test_fold,
        case_id,
        feature,
        rank() over (partition by source, test_fold, feature order by value asc)
        + (count(*) over (partition by source, test_fold, feature, value) - 1) / 2
        - (count(*) over (partition by source, test_fold, feature) + 1) / 2 as away
    from training
),

trained as (
    select distinct
        source,
        test_fold,
        case_id
    from training
),

listed as (
    select distinct
        source,
        test_fold,
        feature,
        position
    from training
),

profiles as materialized (
    select
        listed.source,
        listed.test_fold,
        listed.feature,
        listed.position,
        count(*) as n_cases,
        list(coalesce(ranked.away, 0.0) order by trained.case_id) as places
    from listed
    inner join trained on listed.source = trained.source and listed.test_fold = trained.test_fold
    left join ranked
        on
            listed.source = ranked.source
            and listed.test_fold = ranked.test_fold
            and listed.feature = ranked.feature
            and trained.case_id = ranked.case_id
    group by listed.source, listed.test_fold, listed.feature, listed.position
),

-- The cosine of centred ranks is Spearman's correlation. Rounded: the last bits depend on the order
-- in which DuckDB adds.
compared as (
    select
        one.source,
        one.test_fold,
        one.feature,
        other.feature as like_it,
        abs(round(list_cosine_similarity(one.places, other.places), 9)) as similarity
    from profiles as one
    inner join profiles as other
        on
            one.source = other.source
            and one.test_fold = other.test_fold
            and one.feature != other.feature
),

alike as materialized (
    select
        source,
        test_fold,
        feature,
        like_it
    from compared
    where similarity > 0.95 and similarity <= 1  -- NaN, of what is the same everywhere, is above
),

reached as (
    select
        source,
        test_fold,
        feature,
        feature as member
    from profiles
    union
    select
        reached.source,
        reached.test_fold,
        reached.feature,
        alike.like_it as member
    from reached
    inner join alike
        on
            reached.source = alike.source
            and reached.test_fold = alike.test_fold
            and reached.member = alike.feature
),

clustered as (
    select
        reached.source,
        reached.test_fold,
        reached.feature,
        arg_min(reached.member, profiles.position) as representative,
        min(profiles.position) as first_position,
        count(*) as n_in_cluster,
        min(profiles.n_cases) as n_cases
    from reached
    inner join profiles
        on
            reached.source = profiles.source
            and reached.test_fold = profiles.test_fold
            and reached.member = profiles.feature
    group by reached.source, reached.test_fold, reached.feature
)

select
    source,
    test_fold,
    feature,
    dense_rank() over (partition by source, test_fold order by first_position asc) as cluster,
    representative,
    n_in_cluster,
    n_cases
from clustered
order by source asc, test_fold asc, cluster asc, feature asc
