-- Agreement of the masks against the size of the tumour and the scanner's manufacturer.
-- grain: one row per pair of mask sets, third of the volumes and manufacturer
-- key: mask_a, mask_b, volume_third, manufacturer
-- source: the volume is that of the mask stv_manual; thirds are of the cases that have one
-- columns:
--   mask_a: The mask set that comes first
--   mask_b: The other mask set
--   volume_third: 1 the smallest third of the tumours, 2, 3 the largest; null without a volume
--   manufacturer: Manufacturer of the baseline scanner, or unknown
--   n_known: Cases where both masks have foreground
--   volume_min_cm3: Least volume of the expert's mask among them [cm3]
--   volume_max_cm3: Greatest volume of the expert's mask among them [cm3]
--   dice_p25: First quartile of Dice
--   dice_median: Median of Dice
--   dice_p75: Third quartile of Dice
--   hausdorff95_median_mm: Median of hausdorff95_mm [mm]
--   assd_median_mm: Median of assd_mm [mm]
--   volume_ratio_median: Median of volume_ratio (a over b)
with sizes as (
    select
        masks.case_id,
        masks.volume_cm3,
        ntile(3) over (order by masks.volume_cm3 asc, masks.case_id asc) as volume_third
    from masks
    inner join cases on masks.case_id = cases.case_id
    where masks.mask = '{expert}' and masks.voxel_count > 0 and cases.in_release
),

pairs as (
    select
        agreement.*,
        sizes.volume_third,
        sizes.volume_cm3,
        coalesce(scanners.manufacturer, 'unknown') as manufacturer
    from mask_agreement as agreement
    inner join cases on agreement.case_id = cases.case_id
    left join sizes on agreement.case_id = sizes.case_id
    left join scanner_by_case as scanners on agreement.case_id = scanners.case_id
    where cases.in_release and agreement.dice is not null
)

select
    mask_a,
    mask_b,
    volume_third,
    manufacturer,
    count(*) as n_known,
    min(volume_cm3) as volume_min_cm3,
    max(volume_cm3) as volume_max_cm3,
    quantile_cont(dice, 0.25) as dice_p25,
    median(dice) as dice_median,
    quantile_cont(dice, 0.75) as dice_p75,
    median(hausdorff95_mm) as hausdorff95_median_mm,
    median(assd_mm) as assd_median_mm,
    median(volume_ratio) as volume_ratio_median
from pairs
group by mask_a, mask_b, volume_third, manufacturer
order by mask_a, mask_b, volume_third nulls last, manufacturer
