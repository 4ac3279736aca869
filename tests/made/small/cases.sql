-- Five cases of the release, a subject of the workbook alone, and one of the slice alone.
select
    'ISPY1_' || n as case_id, 'ISPY1-PHANTOM' as dataset, n as subject_number,
    n < 9050 as in_release,
    if(n <= 9003, 3, 0) as n_image_n3,
    if(n <= 9004, 3, 0) as n_image_zscored,
    n <= 9002 as has_mask_ftv,
    n in (9001, 9002, 9004) as has_mask_stv_manual,
    n <= 9002 as has_mask_stv_resunet,
    n in (9001, 9002, 9003, 9005) as has_features,
    n not in (9005, 9060) as has_clinical,
    n in (9001, 9002, 9003, 9050) as has_outcomes,
    n in (9001, 9002, 9003, 9050, 9060) as has_acquisitions,
    n <= 9002 as is_complete
from (values (9001), (9002), (9003), (9004), (9005), (9050), (9060)) as numbers (n)
