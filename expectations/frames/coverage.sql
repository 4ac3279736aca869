-- What the release and each of its cases should have, and whether it is there.
-- grain: one row a case of the release and expected blob or workbook row, then one row a workbook
-- and one for the parameter file, which no case has to itself. No case, no row.
-- Each *_found is 1 or 0, and null where the row asks for something else.
with wanted as (
    select
        cases.case_id,
        expected.artefact,
        expected.mask,
        expected.phase,
        replace(expected.path, '{case_id}', cases.case_id) as file_name
    from cases
    cross join profile_files as expected
    where cases.in_release
),

on_disk as (
    select distinct
        case_id,
        artefact,
        mask,
        phase
    from blobs
    where size_bytes is not null
),

in_workbook as (
    select
        case_id,
        'features' as artefact
    from cases
    where has_features
    union all
    select
        case_id,
        'clinical' as artefact
    from cases
    where has_clinical
),

found as (
    select
        wanted.case_id,
        wanted.artefact,
        concat(
            if(wanted.artefact in ('features', 'clinical'), 'row in ', ''), wanted.file_name
        ) as item,
        case
            when on_disk.case_id is not null or in_workbook.case_id is not null then 1.0 else 0.0
        end as is_found
    from wanted
    left join on_disk
        on
            wanted.case_id = on_disk.case_id
            and wanted.artefact = on_disk.artefact
            and wanted.mask is not distinct from on_disk.mask
            and wanted.phase is not distinct from on_disk.phase
    left join in_workbook
        on wanted.case_id = in_workbook.case_id and wanted.artefact = in_workbook.artefact
),

-- A profile that names no workbook or no parameter file lacks none: one row, and it is there.
release_files as (
    select
        kinds.artefact,
        named.path is not null as is_named,
        coalesce(named.path, concat('no ', kinds.artefact, ' in the profile')) as item,
        case
            when named.path is null then 1.0
            when kinds.artefact in (select on_disk.artefact from on_disk) then 1.0
            else 0.0
        end as is_found
    from (values ('features'), ('clinical'), ('captk_parameters')) as kinds (artefact)
    left join profile_release_files as named on kinds.artefact = named.artefact
    where exists (select 1 as one from wanted)
)

select
    item,
    case_id,
    'missing' as shown,
    case when starts_with(artefact, 'image_') then is_found end as image_found,
    case when artefact = 'mask' then is_found end as mask_found,
    case when artefact = 'features' then is_found end as features_found,
    case when artefact = 'clinical' then is_found end as clinical_found
from found
union all by name
select
    item,
    'missing' as shown,
    case when artefact = 'features' and not is_named then is_found end as features_found,
    case when artefact = 'clinical' and not is_named then is_found end as clinical_found,
    case when artefact in ('features', 'clinical') then is_found end as workbook_found,
    case when artefact = 'captk_parameters' then is_found end as parameters_found
from release_files
order by case_id, item
