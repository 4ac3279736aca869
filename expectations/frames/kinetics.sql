-- Enhancement of the declared masks, where the masks and all three phases can be read. A user's own
-- mask sets carry no contract.
-- grain: one row a case, declared mask and image set with three phases
-- is_known is null for n3, whose phases may be on different scales. The gaps are differences that
-- must be 0 or small; curve_gap is rounded, as a sum of shares may differ in the last digit. An
-- empty mask is judged in masks. Without any trial threshold (a release without its slice, which
-- the suite acquisitions reports) nothing is asked of the share at it: it then counts as 1.
with series as (
    select
        case_id,
        image_set
    from images
    where image_set in ('{native}', '{normalized}')
    group by case_id, image_set
    having count(*) = 3
),

wanted as (
    select
        masks.case_id,
        masks.mask,
        series.image_set,
        masks.voxel_count
    from masks
    inner join profile_masks as declared on masks.mask = declared.mask
    inner join series on masks.case_id = series.case_id
),

thresholds as (
    select count(pe_threshold_percent) as n_known
    from acquisitions
),

on_own_grid as (
    select
        case_id,
        mask,
        max(mask_volume_cm3) as volume_cm3
    from kinetics
    where not is_carried
    group by case_id, mask
)

select
    wanted.case_id,
    found.case_id is not null as is_there,
    concat(wanted.mask, ' on ', wanted.image_set) as item,
    case
        when wanted.image_set = '{normalized}' and found.case_id is not null
            then if(found.n_enhancing is null, 0.0, 1.0)
    end as is_known,
    abs(
        found.n_voxels - found.n_excluded_nonfinite - found.n_excluded_low_s0
        - found.n_excluded_no_enhancement - found.n_enhancing
    ) as fate_gap,
    case
        when not found.is_carried and wanted.voxel_count > 0
            then abs(found.n_voxels - wanted.voxel_count)
    end as voxel_gap,
    case
        when found.is_carried and on_own_grid.volume_cm3 >= 1
            then abs(found.mask_volume_cm3 / on_own_grid.volume_cm3 - 1)
    end as carried_volume_gap,
    round(
        abs(found.washout_fraction + found.plateau_fraction + found.persistent_fraction - 1), 9
    ) as curve_gap,
    least(
        found.washout_fraction, found.plateau_fraction, found.persistent_fraction,
        found.share_at_trial_threshold
    ) as least_share,
    greatest(
        found.washout_fraction, found.plateau_fraction, found.persistent_fraction,
        found.share_at_trial_threshold
    ) as greatest_share,
    greatest(
        found.pe_p25_percent - found.pe_median_percent,
        found.pe_median_percent - found.pe_p75_percent,
        found.ser_p25 - found.ser_median,
        found.ser_median - found.ser_p75
    ) as quartile_disorder,
    greatest(
        found.enhancing_volume_pe90_cm3 - found.enhancing_volume_pe70_cm3,
        found.enhancing_volume_pe100_cm3 - found.enhancing_volume_pe90_cm3,
        found.enhancing_volume_pe140_cm3 - found.enhancing_volume_pe100_cm3
    ) as volume_disorder,
    found.pe_median_percent,
    case
        when wanted.image_set != '{normalized}' then null
        when thresholds.n_known = 0 then 1.0
        else found.share_at_trial_threshold
    end as share_at_trial_threshold,
    concat('median PE ', round(found.pe_median_percent, 1), ' %') as pe_text,
    concat(
        round(found.mask_volume_cm3, 2), ' cm3 carried, ', round(on_own_grid.volume_cm3, 2),
        ' before'
    ) as carried_text,
    concat(
        round(100 * found.share_at_trial_threshold, 1), ' % of the voxels reach ',
        found.pe_threshold_percent, ' %'
    ) as threshold_text
from wanted
cross join thresholds
left join kinetics as found
    on
        wanted.case_id = found.case_id
        and wanted.mask = found.mask
        and wanted.image_set = found.image_set
left join on_own_grid
    on wanted.case_id = on_own_grid.case_id and wanted.mask = on_own_grid.mask
order by wanted.case_id, item
