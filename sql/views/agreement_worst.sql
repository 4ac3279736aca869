-- The cases of each pair of masks, from the least agreement to the greatest.
-- A case with an empty mask has no agreement, and no place here.
-- grain: one row per pair of mask sets and case
-- key: mask_a, mask_b, place
-- columns:
--   mask_a: The mask set that comes first
--   mask_b: The other mask set
--   place: From 1, by least Dice, then by greatest hausdorff95_mm
--   case_id: The subject at baseline
--   dice: 2 |A and B| / (|A| + |B|)
--   hausdorff95_mm: Larger of the two directed 95th percentiles of the surface distances [mm]
--   assd_mm: Mean distance of both surfaces to the other [mm]
--   centroid_distance_mm: Distance of the centroids [mm]
--   volume_ratio: Volume of a over that of b, each on the grid of its own file
--   volume_difference_cm3: Volume of a minus that of b [cm3]
--   a_inside_b_fraction: Share of a's foreground inside b
--   b_inside_a_fraction: Share of b's foreground inside a
select
    agreement.mask_a,
    agreement.mask_b,
    row_number() over (
        partition by agreement.mask_a, agreement.mask_b
        order by agreement.dice asc, agreement.hausdorff95_mm desc, agreement.case_id asc
    ) as place,
    agreement.case_id,
    agreement.dice,
    agreement.hausdorff95_mm,
    agreement.assd_mm,
    agreement.centroid_distance_mm,
    agreement.volume_ratio,
    agreement.volume_difference_cm3,
    agreement.a_inside_b_fraction,
    agreement.b_inside_a_fraction
from mask_agreement as agreement
inner join cases on agreement.case_id = cases.case_id
where cases.in_release and agreement.dice is not null
order by agreement.mask_a, agreement.mask_b, place
