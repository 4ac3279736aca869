-- Every case of the release with its clinical and outcome data. A left join: no case is lost.
-- grain: one row per case of the release
-- key: case_id
-- columns:
--   case_id: The subject at baseline
--   dataset: Data set that the release belongs to
--   subject_number: The number in the id, as the workbooks spell it
--   is_complete: All images and declared masks are on disk and readable
--   known_issue: What known_issues.csv says about the case
--   has_clinical: The clinical sheet has a row
--   has_outcomes: The outcomes sheet has a row
--   age_years: Age at study entry [years]
--   race: Race in the words of the data dictionary; undocumented codes are null
--   er_positive: Oestrogen receptor positive; indeterminate is null
--   pgr_positive: Progesterone receptor positive; indeterminate is null
--   hr_positive: Hormone receptor positive: ER or PgR
--   her2_positive: HER2 positive, most informative assay
--   subtype: HR+/HER2-, HER2+ or TN
--   is_bilateral: Cancer in both breasts
--   laterality: Side of the index tumour: left or right
--   mri_ld_baseline_mm: Longest diameter on MRI before treatment [mm]
--   mri_ld_early_ac_mm: Longest diameter 1 to 3 days after the first AC cycle [mm]
--   mri_ld_interregimen_mm: Longest diameter between the regimens; 0 is no residual tumour [mm]
--   mri_ld_presurgery_mm: Longest diameter before surgery; 0 is no residual tumour [mm]
--   survival_status: alive, dead or lost to follow-up
--   survival_days: Study entry to death or last follow-up [days]
--   death_event: True when dead; alive and lost are censored
--   rfs_days: Start of chemotherapy to recurrence, death or last follow-up [days]
--   rfs_event: Recurrence or death was observed
--   pcr: Pathologic complete response
--   rcb_class: Residual cancer burden class, 0 to 3
select
    cases.case_id,
    cases.dataset,
    cases.subject_number,
    cases.is_complete,
    cases.known_issue,
    cases.has_clinical,
    cases.has_outcomes,
    clinical.age_years,
    clinical.race,
    clinical.er_positive,
    clinical.pgr_positive,
    clinical.hr_positive,
    clinical.her2_positive,
    clinical.subtype,
    clinical.is_bilateral,
    clinical.laterality,
    clinical.mri_ld_baseline_mm,
    clinical.mri_ld_early_ac_mm,
    clinical.mri_ld_interregimen_mm,
    clinical.mri_ld_presurgery_mm,
    outcomes.survival_status,
    outcomes.survival_days,
    outcomes.death_event,
    outcomes.rfs_days,
    outcomes.rfs_event,
    outcomes.pcr,
    outcomes.rcb_class
from cases
left join clinical on cases.case_id = clinical.case_id
left join outcomes on cases.case_id = outcomes.case_id
where cases.in_release
order by cases.case_id
