-- Enhancement by subtype and mask, from the z-scored images: medians over cases of the case's own
-- medians and shares
with enhancement as (
    select
        kinetics.mask,
        coalesce(cohort.subtype, 'unknown') as subtype,
        kinetics.pe_median_percent,
        kinetics.ser_median,
        kinetics.washout_fraction,
        kinetics.persistent_fraction,
        kinetics.enhancing_volume_pe70_cm3
    from kinetics
    inner join cohort on kinetics.case_id = cohort.case_id
    where kinetics.image_set = '{normalized}' and kinetics.pe_median_percent is not null
)

select
    mask,
    case when grouping(subtype) = 1 then 'all' else subtype end as subtype,
    count(*) as n_cases,
    median(pe_median_percent) as pe_median_percent,
    median(ser_median) as ser_median,
    median(washout_fraction) as washout_fraction,
    median(persistent_fraction) as persistent_fraction,
    median(enhancing_volume_pe70_cm3) as enhancing_volume_pe70_cm3
from enhancement
group by grouping sets ((mask, subtype), (mask))
order by mask, grouping(subtype), subtype
