-- Targets, covariates and fold of every case, with the reason why a case cannot be used for a
-- target. Usable: the target is known and the expert's mask was measured and is not empty.
-- Survival counts from study entry, recurrence-free survival from the start of chemotherapy: the
-- two clocks differ, so rfs_days may exceed survival_days.
-- grain: one row per case of the release
-- key: case_id
-- columns:
--   case_id: The subject at baseline
--   fold: Fold of five, by subject, kept in splits.csv; null until the split has run
--   pcr: Pathologic complete response
--   rfs_days: Start of chemotherapy to recurrence, death or last follow-up [days]
--   rfs_event: Recurrence or death was observed
--   survival_days: Study entry to death or last follow-up [days]
--   death_event: True when dead; alive and lost are censored
--   age_years: Age at study entry [years]
--   subtype: HR+/HER2-, HER2+ or TN
--   ftv_cm3: Functional tumour volume [cm3]
--   stv_manual_cm3: Structural tumour volume of the expert [cm3]
--   stv_resunet_cm3: Structural tumour volume of the ResUNet [cm3]
--   published_cm3: Published volume of the expert's mask [cm3]
--   stv_manual_max_diameter_mm: Largest diameter of the expert's mask with its satellites [mm]
--   pcr_exclusion_reason: Why the case cannot be used for pcr; null where it can
--   rfs_exclusion_reason: Why it cannot be used for rfs_days and rfs_event; null where it can
--   survival_exclusion_reason: Why it cannot be used for survival_days and death_event; null
--     where it can
with joined as (
    select
        cohort.case_id,
        splits.fold,
        cohort.pcr,
        cohort.rfs_days,
        cohort.rfs_event,
        cohort.survival_days,
        cohort.death_event,
        cohort.age_years,
        cohort.subtype,
        volumes.ftv_cm3,
        volumes.stv_manual_cm3,
        volumes.stv_resunet_cm3,
        volumes.published_cm3,
        volumes.stv_manual_max_diameter_mm,
        case when not cohort.has_outcomes then 'no row in the outcomes sheet' end as no_outcomes,
        case
            when volumes.stv_manual_cm3 is null then 'no expert mask'
            when volumes.stv_manual_cm3 = 0 then 'expert mask is empty'
        end as no_tumour
    from cohort
    inner join volumes on cohort.case_id = volumes.case_id
    left join inputs.splits as splits on cohort.case_id = splits.case_id
)

select
    case_id,
    fold,
    pcr,
    rfs_days,
    rfs_event,
    survival_days,
    death_event,
    age_years,
    subtype,
    ftv_cm3,
    stv_manual_cm3,
    stv_resunet_cm3,
    published_cm3,
    stv_manual_max_diameter_mm,
    coalesce(
        no_outcomes,
        case when pcr is null then 'pcr is unknown' end,
        no_tumour
    ) as pcr_exclusion_reason,
    coalesce(
        no_outcomes,
        case when rfs_days is null or rfs_event is null then 'rfs is unknown' end,
        no_tumour
    ) as rfs_exclusion_reason,
    coalesce(
        no_outcomes,
        case when survival_days is null or death_event is null then 'survival is unknown' end,
        no_tumour
    ) as survival_exclusion_reason
from joined
order by case_id
