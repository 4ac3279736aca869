-- Every way to count the cases of a release, each with a name. Two people who count differently
-- find both of their numbers here; the view claims compares them with what others state.
-- grain: one row per definition
-- key: name
-- columns:
--   name: Name of the definition
--   unit: What is counted: cases, images, slices, files, subjects, studies or series
--   definition: The definition in words
--   n: The number; null where its source is not there
with flags as (
    select
        cases.case_id,
        cases.is_complete,
        cases.has_features,
        cases.has_clinical,
        cases.has_outcomes,
        clinical.hr_positive is not null as has_hr_status,
        clinical.subtype is not null as has_subtype,
        outcomes.pcr is not null as has_pcr
    from cases
    left join clinical on cases.case_id = clinical.case_id
    left join outcomes on cases.case_id = outcomes.case_id
    where cases.in_release
),

release_images as (
    select
        images.case_id,
        images.image_set,
        images.size_z,
        flags.has_features and flags.has_hr_status as has_features_and_hr_status
    from images
    inner join flags on images.case_id = flags.case_id
),

mask_sets as (
    select count(*) as n_expected
    from inputs.expected_items
    where artefact = 'mask'
),

declared_masks as (
    select
        masks.case_id,
        count(*) as n_masks,
        count(*) filter (where masks.voxel_count > 0) as n_nonempty,
        count(*) filter (where masks.matches_image_grid) as n_on_grid,
        any_value(mask_sets.n_expected) as n_expected
    from masks
    inner join inputs.expected_items as expected on masks.mask = expected.mask
    inner join flags on masks.case_id = flags.case_id
    cross join mask_sets
    group by masks.case_id
),

counts as (
    select
        1 as line,
        'in_release_cases' as name,
        'cases' as unit,
        'named by a blob, by the publisher''s manifest or by the features workbook' as definition,
        count(*) as n
    from flags
    union all
    select
        2 as line,
        'expected_cases' as name,
        'cases' as unit,
        'ids that the profile expects' as definition,
        count(*) as n
    from inputs.expected_cases
    union all
    select
        3 as line,
        'complete_cases' as name,
        'cases' as unit,
        'all images and declared masks on disk and readable' as definition,
        count(*) filter (where is_complete) as n
    from flags
    union all
    select
        4 as line,
        'zscored_images' as name,
        'images' as unit,
        'z-scored images, cases x phases' as definition,
        count(*) as n
    from release_images
    where image_set = '{normalized}'
    union all
    select
        5 as line,
        'n3_images' as name,
        'images' as unit,
        'bias-corrected images, cases x phases' as definition,
        count(*) as n
    from release_images
    where image_set = '{native}'
    union all
    select
        6 as line,
        'zscored_cases' as name,
        'cases' as unit,
        'at least one z-scored image' as definition,
        count(distinct case_id) as n
    from release_images
    where image_set = '{normalized}'
    union all
    select
        7 as line,
        'all_masks_cases' as name,
        'cases' as unit,
        'every declared mask on disk and readable' as definition,
        count(*) as n
    from declared_masks
    where n_masks = n_expected
    union all
    select
        8 as line,
        'all_masks_nonempty_cases' as name,
        'cases' as unit,
        'every declared mask has foreground' as definition,
        count(*) as n
    from declared_masks
    where n_nonempty = n_expected
    union all
    select
        9 as line,
        'all_masks_on_grid_cases' as name,
        'cases' as unit,
        'every declared mask lies on the grid of the case''s images' as definition,
        count(*) as n
    from declared_masks
    where n_on_grid = n_expected
    union all
    select
        10 as line,
        'features_cases' as name,
        'cases' as unit,
        'a row in the features workbook' as definition,
        count(*) filter (where has_features) as n
    from flags
    union all
    select
        11 as line,
        'features_hr_cases' as name,
        'cases' as unit,
        'a row in the features workbook and known hormone receptor status' as definition,
        count(*) filter (where has_features and has_hr_status) as n
    from flags
    union all
    select
        12 as line,
        'features_hr_zscored_images' as name,
        'images' as unit,
        'z-scored images of the cases of features_hr_cases' as definition,
        count(*) as n
    from release_images
    where image_set = '{normalized}' and has_features_and_hr_status
    union all
    select
        13 as line,
        'features_subtype_cases' as name,
        'cases' as unit,
        'a row in the features workbook and known subtype' as definition,
        count(*) filter (where has_features and has_subtype) as n
    from flags
    union all
    select
        14 as line,
        'features_pcr_cases' as name,
        'cases' as unit,
        'a row in the features workbook and known pathologic complete response' as definition,
        count(*) filter (where has_features and has_pcr) as n
    from flags
    union all
    select
        15 as line,
        'hr_cases' as name,
        'cases' as unit,
        'known hormone receptor status' as definition,
        count(*) filter (where has_hr_status) as n
    from flags
    union all
    select
        16 as line,
        'clinical_cases' as name,
        'cases' as unit,
        'a row in the clinical sheet' as definition,
        count(*) filter (where has_clinical) as n
    from flags
    union all
    select
        17 as line,
        'outcomes_cases' as name,
        'cases' as unit,
        'a row in the outcomes sheet' as definition,
        count(*) filter (where has_outcomes) as n
    from flags
    union all
    select
        18 as line,
        'trial_subjects' as name,
        'subjects' as unit,
        'cases of the release and subjects that only the clinical workbook names' as definition,
        count(*) as n
    from cases
    where in_release or has_clinical or has_outcomes
    union all
    select
        19 as line,
        'zscored_slices' as name,
        'slices' as unit,
        'sum of size_z over the z-scored images' as definition,
        coalesce(sum(size_z), 0)::bigint as n
    from release_images
    where image_set = '{normalized}'
    union all
    select
        20 as line,
        'features_hr_zscored_slices' as name,
        'slices' as unit,
        'sum of size_z over the z-scored images of the cases of features_hr_cases' as definition,
        coalesce(sum(size_z), 0)::bigint as n
    from release_images
    where image_set = '{normalized}' and has_features_and_hr_status
    union all
    select
        21 as line,
        'image_and_mask_files' as name,
        'files' as unit,
        'images and declared masks on disk' as definition,
        count(*) as n
    from coverage
    where is_present and artefact not in ('features', 'clinical', 'outcomes')
    union all
    select
        22 as line,
        'idc_subjects' as name,
        'subjects' as unit,
        'subjects in the slice of the Imaging Data Commons; null without a slice' as definition,
        nullif(count(distinct case_id), 0) as n
    from acquisitions
    union all
    select
        23 as line,
        'idc_studies' as name,
        'studies' as unit,
        'studies in the slice of the Imaging Data Commons; null without a slice' as definition,
        nullif(count(distinct study_instance_uid), 0) as n
    from acquisitions
    union all
    select
        24 as line,
        'idc_series' as name,
        'series' as unit,
        'DICOM series in the slice of the Imaging Data Commons; null without a slice' as definition,
        nullif(count(*), 0) as n
    from acquisitions
)

select
    name,
    unit,
    definition,
    n
from counts
order by line
