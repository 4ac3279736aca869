-- 370: 128 frequencies and probabilities, two volumes, the declared constants, and others.
with names as (
    select 1 as part, n, statistic, 'Histogram' as family,
        format('T1_E_Histogram_Bins-128_Bins-128_Bin-{}_{}', n, statistic) as feature
    from range(128) as bins (n), (values ('Frequency'), ('Probability')) as kinds (statistic)
    union all by name
    select 2 as part, statistic, 'Volumetric' as family, 'T1_E_Volumetric_' || statistic as feature
    from (values ('Pixels'), ('Volume')) as kinds (statistic)
    union all by name
    select 3 as part, 'Morphologic' as family, feature,
        replace(feature, 'T1_E_Morphologic_', '') as statistic
    from constants
    union all by name
    select 4 as part, n, 'GLCM' as family, 'S' || n as statistic, 'T1_E_GLCM_S' || n as feature
    from range(370) as others (n)
)

select
    feature, family, statistic, part = 3 as is_constant,
    row_number() over (order by part, n, statistic) as position
from names
qualify position <= 370
