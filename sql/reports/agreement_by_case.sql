-- Agreement with the expert: Dice and surface distances (mm) of every other mask, case by case,
-- with the volume of the expert's mask (cm3) and the scanner's manufacturer
with with_expert as (
    select
        case_id,
        if(mask_a = '{expert}', mask_b, mask_a) as mask,
        dice,
        hausdorff95_mm,
        assd_mm
    from mask_agreement
    where '{expert}' in (mask_a, mask_b)
)

select
    with_expert.mask,
    with_expert.case_id,
    with_expert.dice,
    with_expert.hausdorff95_mm,
    with_expert.assd_mm,
    volumes.stv_manual_cm3,
    coalesce(scanners.manufacturer, 'unknown') as manufacturer
from with_expert
inner join volumes on with_expert.case_id = volumes.case_id
left join scanner_by_case as scanners on with_expert.case_id = scanners.case_id
order by with_expert.mask, with_expert.case_id
