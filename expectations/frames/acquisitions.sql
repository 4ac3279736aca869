-- The slice of the Imaging Data Commons: its file, how much it holds, its subjects and studies.
-- grain: one row for the slice, one a number that the profile states, one a subject of the slice or
-- case of the release, one a study that names an enhancement threshold
-- A release without a slice breaks one contract, that there is one: every other column then says
-- `no slice` in the row of the slice. That row also keeps what holds of nothing: no threshold is
-- named, or the release has no case.
with slice as (
    select
        coalesce(
            (
                select min(named.path) from profile_release_files as named
                where named.artefact = 'acquisitions'
            ),
            'no acquisitions in the profile'
        ) as path,
        (
            select count(*) from profile_release_files as named
            where named.artefact = 'acquisitions'
        ) as n_named,
        (
            select count(*) from blobs
            where blobs.artefact = 'acquisitions' and blobs.size_bytes is not null
        ) as n_files,
        (select count(*) from acquisitions) as n_rows
),

counted as (
    select
        unnest(['subjects', 'studies', 'series']) as what,
        unnest([count(distinct case_id), count(distinct study_instance_uid), count(*)]) as n_found
    from acquisitions
),

subjects as (
    select
        cases.case_id,
        cases.in_release,
        count(distinct acquisitions.study_instance_uid) filter (
            where acquisitions.is_baseline
        ) as n_baseline,
        min(acquisitions.study_index) as first_index,
        count(distinct acquisitions.study_instance_uid) as n_studies,
        max(acquisitions.study_index) as last_index,
        count(*) filter (
            where
            acquisitions.licence is null
            or acquisitions.licence not in (
                select licences.word
                from profile_words as licences
                where licences.name = 'acquisitions_licences'
            )
        ) as n_other_licence,
        string_agg(
            distinct coalesce(acquisitions.licence, 'none'), ', '
            order by coalesce(acquisitions.licence, 'none')
        ) as licences
    from cases
    inner join acquisitions on cases.case_id = acquisitions.case_id
    group by cases.case_id, cases.in_release
),

thresholds as (
    select distinct
        case_id,
        study_index,
        pe_threshold_percent,
        pe_threshold_percent in (
            select known.word::double
            from profile_words as known
            where known.name = 'pe_thresholds_percent'
        ) as is_known
    from acquisitions
    where pe_threshold_percent is not null
),

in_slice as (
    select
        cases.case_id,
        count(baseline.case_id) > 0 as has_baseline,
        count(baseline.manufacturer) filter (where baseline.has_scanner) > 0 as has_scanner,
        count(baseline.pe_threshold_percent) > 0 as has_threshold
    from cases
    cross join slice
    left join acquisitions as baseline
        on cases.case_id = baseline.case_id and baseline.is_baseline
    where cases.in_release and slice.n_rows > 0
    group by cases.case_id
)

select
    path as item,
    null::varchar as case_id,
    if(n_named = 0 or (n_files > 0 and n_rows > 0), 1.0, 0.0) as slice_found,
    case when n_rows = 0 then 'no slice' end as subjects_rule,
    case when n_rows = 0 then 'no slice' end as studies_rule,
    case when n_rows = 0 then 'no slice' end as series_rule,
    case when n_rows = 0 then 'no slice' end as baseline_rule,
    case when n_rows = 0 then 'no slice' end as licence_rule,
    case
        when n_rows = 0 then 'no slice'
        when not exists (select 1 as one from thresholds) then 'known'
    end as threshold_rule,
    case
        when n_rows = 0 then 'no slice'
        when not exists (select 1 as one from in_slice) then 'known'
    end as release_rule,
    case when n_rows = 0 then 'no slice' else concat(n_rows, ' series') end as shown
from slice
union all by name
select
    counted.what as item,
    case
        when counted.what != 'subjects' or slice.n_rows = 0 then null
        when counted.n_found = stated.number then 'as stated' else 'otherwise'
    end as subjects_rule,
    case
        when counted.what != 'studies' or slice.n_rows = 0 then null
        when counted.n_found = stated.number then 'as stated' else 'otherwise'
    end as studies_rule,
    case
        when counted.what != 'series' or slice.n_rows = 0 then null
        when counted.n_found = stated.number then 'as stated' else 'otherwise'
    end as series_rule,
    counted.n_found::varchar as shown
from counted
cross join slice
left join profile_numbers as stated on concat('acquisitions_', counted.what) = stated.name
union all by name
select
    case_id as item,
    case_id,
    if(n_baseline = 1 and first_index = 1 and last_index = n_studies, 'one', 'not one')
        as baseline_rule,
    if(n_other_licence = 0, 'known', 'other') as licence_rule,
    concat(
        n_baseline, ' baseline of ', n_studies, ' studies, numbers ', first_index, ' to ',
        last_index, ', licence ', licences
    ) as shown
from subjects
union all by name
select
    concat('study ', study_index, ' at ', pe_threshold_percent, ' %') as item,
    case_id,
    if(is_known, 'known', 'other') as threshold_rule,
    concat(pe_threshold_percent, ' %') as shown
from thresholds
union all by name
select
    'baseline study' as item,
    case_id,
    if(has_baseline and has_scanner and has_threshold, 'known', 'unknown') as release_rule,
    concat_ws(
        ', ',
        if(has_baseline, null, 'no study'),
        if(has_scanner, null, 'no scanner'),
        if(has_threshold, null, 'no threshold')
    ) as shown
from in_slice
order by case_id, item
