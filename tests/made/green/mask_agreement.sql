-- Two masks of equal volume that share three quarters of it: the overlap is 3/5.
select
    case_id, a.mask as mask_a, b.mask as mask_b, a.grid, 0.75 as dice, 0.6 as jaccard,
    5 as hausdorff_mm, 3 as hausdorff95_mm, 1 as assd_mm, 1 as volume_ratio,
    1.5 as centroid_distance_mm, 0.75 as a_inside_b_fraction, 0.75 as b_inside_a_fraction
from (values ('ISPY1_9001'), ('ISPY1_9002')) as release (case_id), mask_sets as a, mask_sets as b
where a.position < b.position
