-- Z-scored images of 9001 to 9004, bias-corrected ones of 9001 to 9003.
select
    case_id, image_set, phase, 200 as size_x, 200 as size_y, 10 + phase as intensity_max,
    format('images_{1}/{0}/{0}_DCE_000{2}.nii.gz', case_id, image_set, phase) as path,
    if(image_set = 'zscored', size, size // 2) as size_z,
    if(image_set = 'zscored', 1.0, 0.7) as spacing_x_mm,
    if(image_set = 'zscored', 1.0, 0.7) as spacing_y_mm,
    if(image_set = 'zscored', 1.0, 2.0) as spacing_z_mm
from
    (values ('ISPY1_9001', 100), ('ISPY1_9002', 120), ('ISPY1_9003', 140), ('ISPY1_9004', 160))
        as cases (case_id, size),
    (values ('n3'), ('zscored')) as sets (image_set),
    range(3) as phases (phase)
where (case_id, image_set) != ('ISPY1_9004', 'n3')
