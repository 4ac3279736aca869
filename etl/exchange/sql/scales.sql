-- The cases whose phases are not known to be on one scale: those that are not, and the others.
select
    is_stretched,
    list(distinct case_id order by case_id) as case_ids
from phase_fits
where is_stretched is not false and list_contains($1, case_id)
group by is_stretched
order by is_stretched
