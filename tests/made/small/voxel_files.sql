-- Of 9001 and 9002 there are voxels, in grids of 1 mm that begin at (-10, -20, -30).
select
    case_id, count(*) as n_voxels, 20 as size_x, 20 as size_y, 20 as size_z,
    1 as voxel_volume_mm3, [1, 0, 0, -10, 0, 1, 0, -20, 0, 0, 1, -30, 0, 0, 0, 1.0] as affine
from voxels
group by case_id
