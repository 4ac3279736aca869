-- On which scale the three N3 images of a case are. The z-scored phases of a patient share one mean
-- and one standard deviation, so that a z-scored image is its N3 image times one slope; phases that
-- were stretched one by one have slopes of their own, and enhancement read from them is wrong.
-- grain: one row per case and DCE phase
-- key: case_id, phase
-- source: the limit of slope_difference is phase_fits.max_slope_difference of params.yaml, 0.05;
--   one mean and one standard deviation: data descriptor, Scientific Data 9:440, 2022
-- columns:
--   case_id: The subject at baseline
--   phase: 0 before contrast, 1 first and 2 second after contrast
--   slope: Slope of the z-scored image on the N3 image, resampled to 1 mm
--   intercept: Z-score at the N3 value 0
--   r_squared: Squared correlation of the voxels that the line is from
--   n_voxels: Voxels that the line is from [voxels]
--   relative_slope: Slope over the least slope of the case; 1 in all phases is one scale
--   slope_difference: Greatest over least slope of the case, minus 1
--   is_stretched: The case's phases are on different scales; null where that is unknown
--   n3_intensity_max: Greatest value of the N3 image
--   n3_n_at_dtype_max: Voxels of the N3 image at the top of its data type [voxels]
select
    fits.case_id,
    fits.phase,
    fits.slope,
    fits.intercept,
    fits.r_squared,
    fits.n_voxels,
    fits.relative_slope,
    fits.slope_difference,
    fits.is_stretched,
    n3.intensity_max as n3_intensity_max,
    n3.n_at_dtype_max as n3_n_at_dtype_max
from phase_fits as fits
left join images as n3
    on fits.case_id = n3.case_id and fits.phase = n3.phase and n3.image_set = '{native}'
order by fits.case_id, fits.phase
