-- How far the masks of the cases agree: the distribution of four measures, pair by pair.
-- grain: one row per pair of mask sets and measure
-- key: mask_a, mask_b, measure
-- columns:
--   mask_a: The mask set that comes first
--   mask_b: The other mask set
--   measure: dice, hausdorff95_mm, assd_mm or volume_ratio (a over b), as in mask_agreement
--   n_pairs: Cases of the release that have both masks
--   n_known: Cases where neither mask is empty: the others have no agreement
--   value_min: Least value, in the unit that the measure's name carries
--   value_p25: First quartile
--   value_median: Median
--   value_p75: Third quartile
--   value_max: Greatest value
with pairs as (
    select
        agreement.*,
        coalesce(first_set.position, 1000000) as a_order,
        coalesce(second_set.position, 1000000) as b_order
    from mask_agreement as agreement
    inner join cases on agreement.case_id = cases.case_id
    left join inputs.expected_items as first_set on agreement.mask_a = first_set.mask
    left join inputs.expected_items as second_set on agreement.mask_b = second_set.mask
    where cases.in_release
),

measured as (
    select
        pairs.mask_a,
        pairs.mask_b,
        pairs.a_order,
        pairs.b_order,
        one.measure,
        one.measure_order,
        one.value
    from pairs
    cross join lateral (
        values
        ('dice', 1, pairs.dice),
        ('hausdorff95_mm', 2, pairs.hausdorff95_mm),
        ('assd_mm', 3, pairs.assd_mm),
        ('volume_ratio', 4, pairs.volume_ratio)
    ) as one (measure, measure_order, value)
)

select
    mask_a,
    mask_b,
    measure,
    count(*) as n_pairs,
    count(value) as n_known,
    min(value) as value_min,
    quantile_cont(value, 0.25) as value_p25,
    median(value) as value_median,
    quantile_cont(value, 0.75) as value_p75,
    max(value) as value_max
from measured
group by mask_a, mask_b, measure
order by min(a_order), mask_a, min(b_order), mask_b, min(measure_order)
