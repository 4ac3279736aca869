-- Which sources know a subject of the trial: the release, the two sheets of the clinical workbook,
-- and the Imaging Data Commons. A subject that one source alone knows has its name in only_in.
-- grain: one row per case of the release or subject of the trial
-- key: case_id
-- columns:
--   case_id: The subject at baseline
--   in_release: A blob, the publisher's manifest or the features workbook names it
--   has_clinical: The clinical sheet has a row
--   has_outcomes: The outcomes sheet has a row
--   has_acquisitions: The slice of the Imaging Data Commons has a series
--   n_studies: Studies in the Imaging Data Commons; 0 for none
--   sources: The sources that know it: release, workbook, idc
--   only_in: The one source that knows it; null where several do
with counted as (
    select
        case_id,
        count(*) as n_studies
    from studies
    group by case_id
),

known as (
    select
        cases.case_id,
        cases.in_release,
        cases.has_clinical,
        cases.has_outcomes,
        cases.has_acquisitions,
        coalesce(counted.n_studies, 0) as n_studies,
        concat_ws(
            ', ',
            case when cases.in_release then 'release' end,
            case when cases.has_clinical or cases.has_outcomes then 'workbook' end,
            case when cases.has_acquisitions then 'idc' end
        ) as sources
    from cases
    left join counted on cases.case_id = counted.case_id
)

select
    case_id,
    in_release,
    has_clinical,
    has_outcomes,
    has_acquisitions,
    n_studies,
    sources,
    case when sources != '' and not contains(sources, ',') then sources end as only_in
from known
order by case_id
