-- Gate: how many contracts are broken, by severity
select
    severities.name,
    count(results.suite) as value
from (values (1, 'critical'), (2, 'warning'), (3, 'info')) as severities (position, name)
left join gate_results as results
    on severities.name = results.severity and not results.success
group by severities.position, severities.name
order by severities.position
