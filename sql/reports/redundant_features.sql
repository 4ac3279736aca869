-- Redundancy: clusters of features that say nearly the same, fold by fold, without its test cases
select
    source,
    test_fold,
    representative,
    n_in_cluster,
    string_agg(feature, ', ' order by feature) filter (where feature != representative)
        as also_said_by,
    n_cases
from feature_clusters
group by source, test_fold, cluster, representative, n_in_cluster, n_cases
having n_in_cluster > 1
order by source asc, test_fold asc, n_in_cluster desc, representative asc
