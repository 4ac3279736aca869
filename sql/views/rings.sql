-- Enhancement by distance from the border of the expert's mask, in rings of 1 mm, inside and out.
-- Distances are between voxel centres, so that no voxel of 1 mm is less than 1 mm from the border.
-- grain: one row per case and ring that has voxels
-- key: case_id, ring_mm
-- source: 0.005 mm let a distance count as whole: headers in float32 hold 1 mm to 0.0001 mm
-- columns:
--   case_id: The subject at baseline, such as ISPY1_1002
--   ring_mm: Lower bound of the ring's distances, negative inside: 1 holds voxels outside from 1 to
--     below 2 mm, -2 those inside from 1 to below 2 mm [mm]
--   n_voxels: Voxels of the ring [voxels]
--   volume_cm3: Their volume [cm3]
--   pe_mean_percent: Mean PE over those that have one [percent]
--   n_enhancing: Voxels with S1 above S0 and PE of at least kinetics.pe_min_percent of params.yaml,
--     as in kinetics [voxels]
--   enhancing_fraction: Their share of n_voxels
with in_rings as (
    select
        case_id,
        case
            when distance_mm < 0 then ceil(distance_mm::double - 0.005) - 1
            else floor(distance_mm::double + 0.005)
        end::integer as ring_mm,
        count(*) as n_voxels,
        avg(pe_percent) as pe_mean_percent,
        count(*) filter (where is_enhancing) as n_enhancing
    from voxel_enhancement
    where distance_mm is not null
    group by all
)

select
    in_rings.case_id,
    in_rings.ring_mm,
    in_rings.n_voxels,
    in_rings.n_voxels * voxel_files.voxel_volume_mm3 / 1000 as volume_cm3,
    in_rings.pe_mean_percent,
    in_rings.n_enhancing,
    in_rings.n_enhancing / in_rings.n_voxels as enhancing_fraction
from in_rings
inner join voxel_files on in_rings.case_id = voxel_files.case_id
order by in_rings.case_id, in_rings.ring_mm
