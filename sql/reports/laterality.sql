-- Laterality check: side of the expert mask's centroid (R > 0 is right) against the clinical side;
-- ISPY1_1002 is right and lies at R +117.6 mm
with sides as (
    select
        masks.case_id,
        clinical.laterality as clinical_side,
        masks.centroid_r_mm,
        case
            when masks.centroid_r_mm > 0 then 'right'
            when masks.centroid_r_mm < 0 then 'left'
        end as mask_side
    from masks
    left join clinical on masks.case_id = clinical.case_id
    where masks.mask = '{expert}'
)

select
    case_id,
    clinical_side,
    mask_side,
    centroid_r_mm,
    clinical_side = mask_side as is_agreed
from sides
order by is_agreed nulls first, case_id
