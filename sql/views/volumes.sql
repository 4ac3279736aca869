-- The tumour volumes of a case beside each other, with the diameters to compare.
-- The published volume is measured on the native grid and the masks on theirs: expect a few per
-- cent between them, never equality (0.94 to 1.02 on the cases that were checked).
-- grain: one row per case of the release
-- key: case_id
-- source: T1_E_Volumetric_Volume is in mm3 of the native grid (features workbook, data descriptor)
-- columns:
--   case_id: The subject at baseline
--   ftv_cm3: Functional tumour volume [cm3]
--   stv_manual_cm3: Structural tumour volume of the expert [cm3]
--   stv_resunet_cm3: Structural tumour volume of the ResUNet [cm3]
--   published_cm3: Published volume of the expert's mask [cm3]
--   ftv_to_manual_ratio: ftv_cm3 over stv_manual_cm3; null where the expert's mask is empty
--   resunet_to_manual_ratio: stv_resunet_cm3 over stv_manual_cm3
--   published_to_manual_ratio: published_cm3 over stv_manual_cm3
--   stv_manual_max_diameter_mm: Largest diameter of the expert's mask with its satellites [mm]
--   stv_manual_largest_component_max_diameter_mm: Largest diameter of its largest
--     component [mm]
--   mri_ld_baseline_mm: Clinical longest diameter on MRI before treatment [mm]
--   diameter_to_mri_ld_ratio: The largest component's diameter over mri_ld_baseline_mm
with by_mask as (
    select
        case_id,
        max(volume_cm3) filter (where mask = '{functional}') as ftv_cm3,
        max(volume_cm3) filter (where mask = '{expert}') as stv_manual_cm3,
        max(volume_cm3) filter (where mask = '{network}') as stv_resunet_cm3,
        max(max_diameter_mm) filter (where mask = '{expert}') as stv_manual_max_diameter_mm,
        max(largest_component_max_diameter_mm) filter (where mask = '{expert}')
            as stv_manual_largest_component_max_diameter_mm
    from masks
    group by case_id
),

published as (
    select
        case_id,
        value / 1000 as published_cm3
    from features
    where feature = 'T1_E_Volumetric_Volume'
)

select
    cases.case_id,
    by_mask.ftv_cm3,
    by_mask.stv_manual_cm3,
    by_mask.stv_resunet_cm3,
    published.published_cm3,
    by_mask.ftv_cm3 / nullif(by_mask.stv_manual_cm3, 0) as ftv_to_manual_ratio,
    by_mask.stv_resunet_cm3 / nullif(by_mask.stv_manual_cm3, 0) as resunet_to_manual_ratio,
    published.published_cm3 / nullif(by_mask.stv_manual_cm3, 0) as published_to_manual_ratio,
    by_mask.stv_manual_max_diameter_mm,
    by_mask.stv_manual_largest_component_max_diameter_mm,
    clinical.mri_ld_baseline_mm,
    by_mask.stv_manual_largest_component_max_diameter_mm / nullif(clinical.mri_ld_baseline_mm, 0)
        as diameter_to_mri_ld_ratio
from cases
left join by_mask on cases.case_id = by_mask.case_id
left join published on cases.case_id = published.case_id
left join clinical on cases.case_id = clinical.case_id
where cases.in_release
order by cases.case_id
