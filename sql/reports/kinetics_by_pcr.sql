-- Enhancement by pathologic complete response, mask and subtype: medians over the cases that can be
-- used for pCR, from the z-scored images
with enhancement as (
    select
        kinetics.mask,
        modelling.pcr,
        coalesce(modelling.subtype, 'unknown') as subtype,
        kinetics.pe_median_percent,
        kinetics.ser_median,
        kinetics.washout_fraction,
        kinetics.enhancing_volume_pe70_cm3
    from kinetics
    inner join modelling on kinetics.case_id = modelling.case_id
    where
        kinetics.image_set = '{normalized}'
        and kinetics.pe_median_percent is not null
        and modelling.pcr_exclusion_reason is null
)

select
    mask,
    case when grouping(subtype) = 1 then 'all' else subtype end as subtype,
    pcr,
    count(*) as n_cases,
    median(pe_median_percent) as pe_median_percent,
    median(ser_median) as ser_median,
    median(washout_fraction) as washout_fraction,
    median(enhancing_volume_pe70_cm3) as enhancing_volume_pe70_cm3
from enhancement
group by grouping sets ((mask, subtype, pcr), (mask, pcr))
order by mask, grouping(subtype), subtype, pcr
