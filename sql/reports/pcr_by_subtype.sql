-- Pathologic complete response by subtype and by tertile of the expert's volume
with usable as (
    select
        case_id,
        pcr,
        coalesce(subtype, 'unknown') as subtype,
        stv_manual_cm3,
        ntile(3) over (order by stv_manual_cm3, case_id) as volume_tertile
    from modelling
    where pcr_exclusion_reason is null
)

select
    case when grouping(usable.subtype) = 1 then 'all' else usable.subtype end as subtype,
    usable.volume_tertile,
    count(*) as n_cases,
    count(*) filter (where usable.pcr) as n_pcr,
    count(*) filter (where usable.pcr) / count(*) as pcr_rate,
    min(usable.stv_manual_cm3) as volume_min_cm3,
    max(usable.stv_manual_cm3) as volume_max_cm3,
    grouping(usable.volume_tertile) = 1 as is_subtotal
from usable
group by grouping sets ((usable.subtype, usable.volume_tertile), (usable.subtype), ())
order by grouping(usable.subtype), usable.subtype, usable.volume_tertile nulls last
