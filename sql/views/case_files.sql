-- The readable files of every case, for training lists. Paths are inside the release.
-- grain: one row per case of the release
-- key: case_id
-- columns:
--   case_id: The subject at baseline
--   image_n3_0_path: Bias-corrected image before contrast
--   image_n3_1_path: Bias-corrected image, first after contrast
--   image_n3_2_path: Bias-corrected image, second after contrast
--   image_zscored_0_path: Z-scored image before contrast
--   image_zscored_1_path: Z-scored image, first after contrast
--   image_zscored_2_path: Z-scored image, second after contrast
--   mask_ftv_path: Functional tumour volume mask (native grid, as the bias-corrected images)
--   mask_stv_manual_path: Expert structural tumour volume mask (1 mm grid, as the z-scored images)
--   mask_stv_resunet_path: ResUNet structural tumour volume mask (1 mm grid)
--   own_mask_paths: Masks of a user's own sets: set to path
with images_by_case as (
    select
        case_id,
        min(path) filter (where image_set = '{native}' and phase = 0) as image_n3_0_path,
        min(path) filter (where image_set = '{native}' and phase = 1) as image_n3_1_path,
        min(path) filter (where image_set = '{native}' and phase = 2) as image_n3_2_path,
        min(path) filter (where image_set = '{normalized}' and phase = 0) as image_zscored_0_path,
        min(path) filter (where image_set = '{normalized}' and phase = 1) as image_zscored_1_path,
        min(path) filter (where image_set = '{normalized}' and phase = 2) as image_zscored_2_path
    from images
    group by case_id
),

masks_by_case as (
    select
        case_id,
        min(path) filter (where mask = '{functional}') as mask_ftv_path,
        min(path) filter (where mask = '{expert}') as mask_stv_manual_path,
        min(path) filter (where mask = '{network}') as mask_stv_resunet_path
    from masks
    group by case_id
),

own_masks as (
    select
        masks.case_id,
        map(
            list(masks.mask order by masks.mask),
            list(masks.path order by masks.mask)
        ) as own_mask_paths
    from masks
    anti join inputs.expected_items as expected
        on masks.mask = expected.mask
    group by masks.case_id
)

select
    cases.case_id,
    images_by_case.image_n3_0_path,
    images_by_case.image_n3_1_path,
    images_by_case.image_n3_2_path,
    images_by_case.image_zscored_0_path,
    images_by_case.image_zscored_1_path,
    images_by_case.image_zscored_2_path,
    masks_by_case.mask_ftv_path,
    masks_by_case.mask_stv_manual_path,
    masks_by_case.mask_stv_resunet_path,
    own_masks.own_mask_paths
from cases
left join images_by_case on cases.case_id = images_by_case.case_id
left join masks_by_case on cases.case_id = masks_by_case.case_id
left join own_masks on cases.case_id = own_masks.case_id
where cases.in_release
order by cases.case_id
