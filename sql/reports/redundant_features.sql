-- Redundancy: clusters of like features, each fold without its test cases (view feature_clusters)
select
    source,
    test_fold,
    representative,
    n_in_cluster,
    concat_ws(
        ', ',
        array_to_string(
            list(feature order by feature asc) filter (where feature != representative)[1:3], ', '
        ),
        if(n_in_cluster > 4, '...', null)
    ) as also_said_by,
    n_cases
from feature_clusters
group by source, test_fold, cluster, representative, n_in_cluster, n_cases
having n_in_cluster > 1
order by source asc, test_fold asc, n_in_cluster desc, representative asc
