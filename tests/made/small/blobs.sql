-- Every image and mask, and one missing file.
select
    path, 'image_' || image_set as artefact, null as mask, case_id, phase,
    10 as size_bytes, repeat('0', 32) as md5, 'match' as verdict
from images
union all
select path, 'mask', mask, case_id, null, 10, repeat('0', 32), 'match' from masks
union all
select 'masks_ftv/ISPY1_9004.nii.gz', 'mask', 'ftv', 'ISPY1_9004', null, null, null, 'missing'
