-- A row of four voxels of 9001: one in no mask, one in two, one in all three, one without signal.
select
    * replace (z0::float as z0, z1::float as z1, z2::float as z2),
    in_ftv::int + in_stv_manual::int + coalesce(in_stv_resunet, false)::int as n_masks
from (values
    ('ISPY1_9001', 1, 2, 3, 1, 1.5, 1.5, false, false, false, 1),
    ('ISPY1_9001', 2, 2, 3, 1, 2, 3, false, true, true, -1),
    ('ISPY1_9001', 3, 2, 3, 1, 3, 2, true, true, true, -2),
    ('ISPY1_9001', 4, 2, 3, -1, 3, 2, false, true, false, -1),
    ('ISPY1_9002', 1, 1, 1, 1, 2, null, false, true, null, -1)
) as made (case_id, i, j, k, z0, z1, z2, in_ftv, in_stv_manual, in_stv_resunet, distance_mm)
