-- Rings: enhancement by distance from the border of the expert's mask, medians over the cases; -2
-- is 1 to 2 mm inside, 1 is 1 to 2 mm outside
select
    ring_mm,
    count(*) as n_cases,
    median(volume_cm3) as volume_cm3,
    median(pe_mean_percent) as pe_mean_percent,
    median(enhancing_fraction) as enhancing_fraction
from rings
where ring_mm between -11 and 10
group by ring_mm
order by ring_mm
