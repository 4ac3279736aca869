-- Every mask is 5 cm3; 9001's are on the right, 9002's on the left.
select
    * exclude (artefact, image_set, phase), 5000 as voxel_count, 5 as volume_cm3,
    false as touches_border, 1 as n_components, true as matches_image_grid,
    60 as bbox_min_x, 60 as bbox_min_y, 60 as bbox_min_z,
    79 as bbox_max_x, 79 as bbox_max_y, 79 as bbox_max_z,
    if(case_id = 'ISPY1_9001', 50, -50) as centroid_r_mm,
    4990 as mesh_volume_mm3, 1500 as surface_area_mm2, 0.9 as sphericity, 25 as max_diameter_mm
from volumes
where mask is not null
