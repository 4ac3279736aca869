-- Agreement: the median Dice of the cases, pair of mask sets by pair
select
    mask_a || ' ' || mask_b as name,
    round(value_median, 6) as value
from agreement_summary
where measure = 'dice'
