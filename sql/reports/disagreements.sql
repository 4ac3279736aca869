-- Largest disagreements between masks: pairs of volumes of one case, by the log of their ratio
with pairs as (
    select
        case_id,
        unnest(['{network}', '{functional}', 'published']) as mask,
        '{expert}' as reference,
        unnest([stv_resunet_cm3, ftv_cm3, published_cm3]) as mask_cm3,
        stv_manual_cm3 as reference_cm3
    from volumes
)

select
    case_id,
    mask,
    reference,
    mask_cm3,
    reference_cm3,
    mask_cm3 - reference_cm3 as difference_cm3,
    mask_cm3 / nullif(reference_cm3, 0) as ratio
from pairs
where mask_cm3 is not null and reference_cm3 is not null
order by
    case
        when mask_cm3 > 0 and reference_cm3 > 0 then abs(ln(mask_cm3 / reference_cm3))
        when mask_cm3 = reference_cm3 then 0
        else 'infinity'::double
    end desc,
    abs(mask_cm3 - reference_cm3) desc,
    case_id asc,
    mask asc
limit 20
