-- Stale features: cases whose expert's mask is another one than their features were made from
select
    case_id,
    mask,
    reason,
    published_from,
    now,
    count(*) as n_features
from stale_features
group by all
order by case_id
