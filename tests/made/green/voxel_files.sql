select
    case_id, count(*) as n_voxels, 200 as size_x, 200 as size_y, 120 as size_z,
    1 as voxel_volume_mm3, [1, 0, 0, 10, 0, 1, 0, 20, 0, 0, 1, 30, 0, 0, 0, 1.0] as affine
from voxels
group by case_id
