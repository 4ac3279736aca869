-- Least, median and greatest spacing and size of the z-scored images, each axis on its own: the
-- three numbers of a row need not belong to one image.
-- grain: one row per statistic
-- key: statistic
-- columns:
--   statistic: min, median or max
--   spacing_x_mm: Distance of voxel centres along array axis 0 [mm]
--   spacing_y_mm: Distance of voxel centres along array axis 1 [mm]
--   spacing_z_mm: Distance of voxel centres along array axis 2 [mm]
--   size_x: Voxels along array axis 0; a median may lie between two sizes [voxels]
--   size_y: Voxels along array axis 1; a median may lie between two sizes [voxels]
--   size_z: Voxels along array axis 2; a median may lie between two sizes [voxels]
with zscored as (
    select
        images.spacing_x_mm,
        images.spacing_y_mm,
        images.spacing_z_mm,
        images.size_x::double as size_x,
        images.size_y::double as size_y,
        images.size_z::double as size_z
    from images
    inner join cases on images.case_id = cases.case_id
    where cases.in_release and images.image_set = '{normalized}'
),

statistics as (
    select
        1 as position,
        'min' as statistic,
        min(columns(*))
    from zscored
    union all
    select
        2 as position,
        'median' as statistic,
        median(columns(*))
    from zscored
    union all
    select
        3 as position,
        'max' as statistic,
        max(columns(*))
    from zscored
)

select
    statistic,
    spacing_x_mm,
    spacing_y_mm,
    spacing_z_mm,
    size_x,
    size_y,
    size_z
from statistics
order by position
