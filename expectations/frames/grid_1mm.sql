-- Spacing and size of everything that the profile puts on the 1 mm grid.
-- grain: one row an image or declared mask on the 1 mm grid
with on_grid as (
    select
        images.path,
        images.case_id,
        images.size_x,
        images.size_y,
        images.size_z,
        images.spacing_x_mm,
        images.spacing_y_mm,
        images.spacing_z_mm
    from images
    inner join profile_image_sets as declared on images.image_set = declared.image_set
    where declared.grid = '1mm'
    union all
    select
        masks.path,
        masks.case_id,
        masks.size_x,
        masks.size_y,
        masks.size_z,
        masks.spacing_x_mm,
        masks.spacing_y_mm,
        masks.spacing_z_mm
    from masks
    inner join profile_masks as declared on masks.mask = declared.mask
    where declared.grid = '1mm'
)

select
    case_id,
    size_x,
    size_y,
    size_z,
    path as item,
    greatest(abs(spacing_x_mm - 1), abs(spacing_y_mm - 1), abs(spacing_z_mm - 1))
        as spacing_deviation_mm,
    concat_ws(' x ', spacing_x_mm, spacing_y_mm, spacing_z_mm) as spacing_text,
    concat_ws(' x ', size_x, size_y, size_z) as size_text
from on_grid
order by case_id, item
