-- Resolution: spacing (mm) and size (voxels) of the z-scored images, each axis on its own
select
    statistic,
    spacing_x_mm,
    spacing_y_mm,
    spacing_z_mm,
    size_x,
    size_y,
    size_z
from resolution_summary
where spacing_x_mm is not null
