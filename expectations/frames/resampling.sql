-- The 1 mm size of each axis against native size times native spacing.
-- grain: one row a case and array axis, where both grids are on disk
-- The product is rounded to 0.001 first: a spacing of 2.4999998 (float32) is 2.5, and 137.4999
-- is then the half that is rounded up. Images come first, masks stand in for them.
with on_grid as (
    select
        images.case_id,
        declared.grid,
        images.phase as preference,
        [images.size_x, images.size_y, images.size_z] as sizes,
        [images.spacing_x_mm, images.spacing_y_mm, images.spacing_z_mm] as spacings
    from images
    inner join profile_image_sets as declared on images.image_set = declared.image_set
    union all
    select
        masks.case_id,
        declared.grid,
        1000 as preference,
        [masks.size_x, masks.size_y, masks.size_z] as sizes,
        [masks.spacing_x_mm, masks.spacing_y_mm, masks.spacing_z_mm] as spacings
    from masks
    inner join profile_masks as declared on masks.mask = declared.mask
),

grids as (
    select
        case_id,
        grid,
        arg_min(sizes, preference) as sizes,
        arg_min(spacings, preference) as spacings
    from on_grid
    group by case_id, grid
),

axes as (
    select unnest([1, 2, 3]) as axis
),

both_grids as (
    select
        native.case_id,
        axes.axis,
        native.sizes[axes.axis] as native_size,
        native.spacings[axes.axis] as native_spacing_mm,
        fine.sizes[axes.axis] as size_1mm
    from grids as native
    inner join grids as fine on native.case_id = fine.case_id
    cross join axes
    where native.grid = 'native' and fine.grid = '1mm'
)

select
    case_id,
    concat('axis ', axis - 1) as item,
    size_1mm - floor(round(native_size * native_spacing_mm, 3) + 0.5) as size_difference,
    concat(size_1mm, ' voxels for ', native_size, ' x ', native_spacing_mm, ' mm') as shown
from both_grids
order by case_id, item
