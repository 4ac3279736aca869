-- Audit in brief: how many published features agree with their recomputation, by tier
select
    tier,
    count(*) as n_features,
    count(*) filter (where verdict like 'agrees%') as n_agree,
    count(*) filter (where verdict = 'differs') as n_differ,
    sum(n_wrong_values) as n_wrong_values
from feature_audit
group by tier
order by tier
