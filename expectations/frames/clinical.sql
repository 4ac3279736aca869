-- Clinical and outcome facts of a subject.
-- grain: one row a trial subject
-- A null is a blank in the workbook, or a code that its dictionary does not hold: the latter is a
-- finding, and stands in undocumented_codes.
with undocumented as (
    select
        findings.case_id,
        string_agg(split_part(findings.check, ':', 2), ',' order by findings.check) as known_fields,
        string_agg(
            split_part(findings.check, ':', 2) || ' ' || findings.observed, ', '
            order by findings.check
        ) as codes
    from findings
    where
        findings.table in ('clinical', 'outcomes')
        and starts_with(findings.check, 'undocumented_code:')
    group by findings.case_id
),

subjects as (
    select case_id
    from clinical
    union
    select case_id
    from outcomes
)

select
    subjects.case_id,
    subjects.case_id as item,
    undocumented.known_fields,
    clinical.race,
    clinical.subtype,
    clinical.laterality,
    outcomes.survival_status,
    outcomes.rcb_class,
    clinical.age_years,
    clinical.mri_ld_baseline_mm,
    clinical.mri_ld_early_ac_mm,
    clinical.mri_ld_interregimen_mm,
    clinical.mri_ld_presurgery_mm,
    coalesce(undocumented.codes, 'none') as undocumented_codes,
    case
        when clinical.hr_positive = (clinical.er_positive or clinical.pgr_positive) then 'agrees'
        when clinical.hr_positive != (clinical.er_positive or clinical.pgr_positive)
            then 'disagrees'
    end as hr_rule,
    case
        when outcomes.pcr = (outcomes.rcb_class = 0) then 'agrees'
        when outcomes.pcr != (outcomes.rcb_class = 0) then 'disagrees'
    end as pcr_rule,
    concat(
        'HR ', clinical.hr_positive, ', ER ', clinical.er_positive, ', PgR ',
        clinical.pgr_positive
    ) as hr_text,
    concat('pCR ', outcomes.pcr, ', RCB class ', outcomes.rcb_class) as pcr_text
from subjects
left join clinical on subjects.case_id = clinical.case_id
left join outcomes on subjects.case_id = outcomes.case_id
left join undocumented on subjects.case_id = undocumented.case_id
order by item
