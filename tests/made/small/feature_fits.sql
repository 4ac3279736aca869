-- Equal on the native grid, off by half on 1 mm.
select
    feature, image_set, 1 as phase, 'stv_manual' as mask, 2 as n,
    if(is_best, 2, 0) as n_equal, if(is_best, 0, 0.5) as median_relative_difference,
    if(is_best, 0, 0.5) as max_relative_difference, is_best
from feature_catalog, (values ('n3', true), ('zscored', false)) as sets (image_set, is_best)
