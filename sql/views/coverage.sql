-- Which of the things that a complete case has are there, case by case.
-- What a complete case has comes from the profile (inputs.expected_items).
-- grain: one row per case of the release and expected item
-- key: case_id, item
-- columns:
--   case_id: The subject at baseline
--   item_number: Order of the items, from 1
--   item: Expected item, such as image_n3_0, mask_ftv or features
--   artefact: image_n3, image_zscored, mask, features, clinical or outcomes
--   mask: Mask set, for masks
--   phase: DCE phase, for images
--   is_present: The file is on disk, or the workbook has a row
--   is_readable: The file was measured, or the workbook has a row
--   path: Path inside the release, where the file is on disk
with wanted as (
    select
        cases.case_id,
        expected.position as item_number,
        expected.item,
        expected.artefact,
        expected.mask,
        expected.phase
    from cases
    cross join inputs.expected_items as expected
    where cases.in_release
),

on_disk as (
    select
        case_id,
        concat_ws('_', artefact, mask, phase) as item,
        min(path) as path
    from blobs
    where size_bytes is not null and case_id is not null
    group by all
),

measured as (
    select
        case_id,
        concat_ws('_', 'image', image_set, phase) as item,
        path
    from images
    union all
    select
        case_id,
        concat_ws('_', 'mask', mask) as item,
        path
    from masks
),

in_workbook as (
    select
        case_id,
        'features' as item
    from cases
    where has_features
    union all
    select
        case_id,
        'clinical' as item
    from cases
    where has_clinical
    union all
    select
        case_id,
        'outcomes' as item
    from cases
    where has_outcomes
)

select
    wanted.case_id,
    wanted.item_number,
    wanted.item,
    wanted.artefact,
    wanted.mask,
    wanted.phase,
    coalesce(on_disk.item, in_workbook.item) is not null as is_present,
    coalesce(measured.item, in_workbook.item) is not null as is_readable,
    coalesce(measured.path, on_disk.path) as path
from wanted
left join on_disk on wanted.case_id = on_disk.case_id and wanted.item = on_disk.item
left join measured on wanted.case_id = measured.case_id and wanted.item = measured.item
left join in_workbook on wanted.case_id = in_workbook.case_id and wanted.item = in_workbook.item
order by wanted.case_id, wanted.item_number
