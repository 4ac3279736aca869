-- Every row of voxels with the voxel's enhancement, by the definitions of kinetics, and its place.
-- grain: one row per voxel of voxels
-- key: case_id, i, j, k
-- source: PE and SER: Hylton et al., Radiology 263(3):663-672, 2012
-- source: classes of SER: the definition of this warehouse, as in kinetics
-- columns:
--   case_id: The subject at baseline, such as ISPY1_1002
--   i: Voxel index along array axis 0, from 0
--   j: Voxel index along array axis 1
--   k: Voxel index along array axis 2
--   z0: Scaled intensity of phase 0 of the z-scored images
--   z1: Scaled intensity of phase 1 of the z-scored images
--   z2: Scaled intensity of phase 2 of the z-scored images
--   *: Whether the voxel lies in this mask; null where the case lacks it
--   n_masks: How many of these masks hold the voxel; 0 where it is only near [masks]
--   distance_mm: Signed distance to the border of the expert's mask, negative inside [mm]
--   r_mm: World coordinate of the voxel's centre, to the patient's right [mm]
--   a_mm: World coordinate of the voxel's centre, to anterior [mm]
--   s_mm: World coordinate of the voxel's centre, to superior [mm]
--   voxel_cm3: Volume of the voxel [cm3]
--   s0: Signal above the zero level of the case, before contrast
--   s1: Signal above the zero level, first phase after contrast
--   s2: Signal above the zero level, second phase after contrast
--   pe_percent: PE = 100 (s1 - s0) / s0; null where s0 is not above 0 or a phase is null [percent]
--   ser: SER = (s1 - s0) / (s2 - s0); null where s1 or s2 is not above s0
--   washout_class: washout (ser above 1.1, or s2 back at s0 or below), plateau (0.9 to 1.1) or
--     persistent (below 0.9); null where PE is null or s1 is not above s0
--   is_enhancing: Whether s1 is above s0 and PE at least kinetics.pe_min_percent of params.yaml
with of_cases as (  -- one join per voxel, not two: half the time
    select
        voxel_files.case_id,
        voxel_files.affine,
        voxel_files.voxel_volume_mm3,
        any_value(kinetics.zero_level) as zero_level
    from voxel_files
    left join kinetics
        on voxel_files.case_id = kinetics.case_id and kinetics.image_set = '{normalized}'
    group by all
),

placed as (
    select
        voxels.*,
        of_cases.affine,
        of_cases.voxel_volume_mm3,
        of_cases.zero_level
    from voxels
    inner join of_cases on voxels.case_id = of_cases.case_id
)

select
    case_id,
    i,
    j,
    k,
    z0,
    z1,
    z2,
    columns('in_.*'),
    n_masks,
    distance_mm,
    affine[1] * i + affine[2] * j + affine[3] * k + affine[4] as r_mm,
    affine[5] * i + affine[6] * j + affine[7] * k + affine[8] as a_mm,
    affine[9] * i + affine[10] * j + affine[11] * k + affine[12] as s_mm,
    voxel_volume_mm3 / 1000 as voxel_cm3,
    z0::double - zero_level as s0,
    z1::double - zero_level as s1,
    z2::double - zero_level as s2,
    case when s0 > 0 and s2 is not null then 100 * (s1 - s0) / s0 end as pe_percent,
    case when s0 > 0 and s1 > s0 and s2 > s0 then (s1 - s0) / (s2 - s0) end as ser,
    case
        when pe_percent is null or s1 <= s0 then null
        when s2 <= s0 or ser > 1.1 then 'washout'
        when ser < 0.9 then 'persistent'
        else 'plateau'
    end as washout_class,
    coalesce(
        s1 > s0
        and pe_percent >= (
            select params.number
            from inputs.params
            where params.name = 'kinetics.pe_min_percent'
        ),
        false
    ) as is_enhancing
from placed
