-- Every feature agrees; the constants are not comparable.
select
    feature, if(is_constant, 'not_comparable', 'exact') as tier, if(is_constant, 0, 2) as n,
    if(is_constant, null, 0) as max_relative_difference
from feature_catalog
