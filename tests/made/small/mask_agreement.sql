-- Of 9002 the pairs with the empty FTV are null.
select
    pairs.*, if(mask_a = 'ftv', 'native', '1mm') as grid,
    hausdorff95_mm / 4 as assd_mm,
    if(dice is null, null, a.volume_cm3 / b.volume_cm3) as volume_ratio,
    a.volume_cm3 - b.volume_cm3 as volume_difference_cm3
from (values
    ('ISPY1_9001', 'ftv', 'stv_manual', 0.7, 4),
    ('ISPY1_9001', 'ftv', 'stv_resunet', 0.6, 8),
    ('ISPY1_9001', 'stv_manual', 'stv_resunet', 0.9, 2),
    ('ISPY1_9002', 'ftv', 'stv_manual', null, null),
    ('ISPY1_9002', 'ftv', 'stv_resunet', null, null),
    ('ISPY1_9002', 'stv_manual', 'stv_resunet', 0.5, 6),
    ('ISPY1_9004', 'stv_manual', 'mine', 0.8, 3)
) as pairs (case_id, mask_a, mask_b, dice, hausdorff95_mm)
inner join masks as a on pairs.case_id = a.case_id and mask_a = a.mask
inner join masks as b on pairs.case_id = b.case_id and mask_b = b.mask
