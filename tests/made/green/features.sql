-- A histogram of 4,096 voxels in 128 bins.
select
    case_id, feature,
    case statistic
        when 'Frequency' then 32
        when 'Probability' then 1 / 128
        when 'Pixels' then 4096
        when 'Volume' then 4096 * 0.78125 * 0.78125 * 2
        else 1
    end as value
from feature_catalog, (values ('ISPY1_9001'), ('ISPY1_9002')) as release (case_id)
