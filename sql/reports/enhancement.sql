-- Enhancement: medians over the cases of PE, SER and washout, by mask and image set
select
    mask,
    image_set,
    count(pe_median_percent) as n_cases,
    median(pe_median_percent) as pe_percent,
    median(ser_median) as ser,
    median(washout_fraction) as washout_fraction
from kinetics
group by mask, image_set
order by mask asc, image_set desc
