-- How far the phases of an image set lie apart: size, corner voxels, minimum.
-- grain: one row a case and image set with at least two phases on disk
-- zscored_minimum_spread is null for other sets: the z-scored phases of a patient share one mean
-- and one standard deviation, and so the zero level (data descriptor).
with ends as (
    select unnest([0, 1]) as is_last
),

corners as (
    select
        images.case_id,
        images.image_set,
        images.phase,
        images.affine,
        concat(x_end.is_last, y_end.is_last, z_end.is_last) as corner,
        x_end.is_last * (images.size_x - 1) as i,
        y_end.is_last * (images.size_y - 1) as j,
        z_end.is_last * (images.size_z - 1) as k
    from images
    cross join ends as x_end
    cross join ends as y_end
    cross join ends as z_end
),

positions as (
    select
        case_id,
        image_set,
        phase,
        corner,
        affine[1] * i + affine[2] * j + affine[3] * k + affine[4] as r_mm,
        affine[5] * i + affine[6] * j + affine[7] * k + affine[8] as a_mm,
        affine[9] * i + affine[10] * j + affine[11] * k + affine[12] as s_mm
    from corners
),

distances as (
    select
        one.case_id,
        one.image_set,
        max(
            sqrt(
                (one.r_mm - other.r_mm) ** 2
                + (one.a_mm - other.a_mm) ** 2
                + (one.s_mm - other.s_mm) ** 2
            )
        ) as corner_distance_mm
    from positions as one
    inner join positions as other
        on
            one.case_id = other.case_id
            and one.image_set = other.image_set
            and one.corner = other.corner
            and one.phase < other.phase
    group by one.case_id, one.image_set
),

sets as (
    select
        case_id,
        image_set,
        count(distinct row(size_x, size_y, size_z)) as n_sizes,
        max(intensity_min) - min(intensity_min) as minimum_spread,
        string_agg(concat_ws(' x ', size_x, size_y, size_z), ', ' order by phase) as sizes,
        string_agg(round(intensity_min, 6)::varchar, ', ' order by phase) as minima
    from images
    group by case_id, image_set
)

select
    sets.case_id,
    sets.n_sizes,
    distances.corner_distance_mm,
    sets.sizes,
    sets.image_set as item,
    case when sets.image_set = '{normalized}' then sets.minimum_spread end
        as zscored_minimum_spread,
    concat(round(distances.corner_distance_mm, 4), ' mm apart') as corners_text,
    concat('minima ', sets.minima) as minima
from sets
inner join distances on sets.case_id = distances.case_id and sets.image_set = distances.image_set
order by sets.case_id, item
