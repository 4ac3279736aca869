-- The input that feature_audit takes, of every feature that is compared.
select
    feature, 'n3' as image_set, 1 as phase, 'stv_manual' as mask, n,
    n as n_equal, 0 as median_relative_difference, 0 as max_relative_difference, true as is_best
from feature_audit
where n > 0
