-- All agree on the native grid.
select
    feature, 'exact' as tier, 2 as n, 'n3' as image_set, 1 as phase, 'stv_manual' as mask,
    0 as median_relative_difference, 0 as max_relative_difference, 'agrees exactly' as verdict
from feature_catalog
