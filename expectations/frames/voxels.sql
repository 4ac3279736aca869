-- Two ways to one number: what SQL says of the voxels, and what the tables say that were made of
-- the masks and images themselves. A user's own masks are judged like the declared ones.
-- grain: one row per case with voxels, per mask, per input of recomputed_features, and per pair of
-- masks on the 1 mm grid; the columns of other kinds of rows are null
-- A number that a table has and SQL lacks is infinitely far; one that a table lacks is judged in
-- the suite of that table. The rows of a case ascend by i, j, k: one that does not is there twice.
-- Enhancement is not compared where images are stored as numbers that float32 does not hold. Gaps
-- are shares of the table's number, but those of counts, of the Dice, and of a skewness or kurtosis
-- below 1. A gap of the mean is a share of the standard deviation where that is larger.
with in_order as (
    select
        case_id,
        z0,
        z1,
        z2,
        distance_mm,
        (i::bigint * 65536 + j) * 65536 + k as position,
        lag(position) over () as position_before,
        lag(case_id) over () as case_before
    from voxels
),

counts as (
    select
        case_id,
        count(*) as n_rows,
        count(*) filter (where case_id = case_before and position <= position_before) as n_repeated,
        count(*) filter (
            where not (isfinite(z0) and isfinite(z1) and isfinite(z2) and isfinite(distance_mm))
        ) as n_nonfinite
    from in_order
    group by case_id
),

combinations as (
    select
        case_id,
        columns('in_.*'),
        count(*) as n,
        sum(i) as i,
        sum(j) as j,
        sum(k) as k,
        count(*) filter (where pe_percent >= 70) as n_70,
        count(*) filter (where pe_percent >= 90) as n_90,
        count(*) filter (where pe_percent >= 100) as n_100,
        count(*) filter (where pe_percent >= 140) as n_140,
        count(*) filter (where is_enhancing) as n_enhancing,
        count(*) filter (where is_enhancing and washout_class = 'washout') as n_washout
    from voxel_enhancement
    where n_masks > 0
    group by all
),

numbered as (
    select
        *,
        row_number() over () as combination
    from combinations
),

by_mask as (
    unpivot numbered on columns('in_.*') into name mask value is_in
),

sums as (
    select
        case_id,
        mask[4:] as mask,
        sum(n) as n,
        sum(i) / sum(n) as i,
        sum(j) / sum(n) as j,
        sum(k) / sum(n) as k,
        sum(n_70) as n_70,
        sum(n_90) as n_90,
        sum(n_100) as n_100,
        sum(n_140) as n_140,
        sum(n_washout) / nullif(sum(n_enhancing), 0) as washout
    from by_mask
    where is_in
    group by case_id, mask
),

quantiles as (
    select
        case_id,
        {
            'pe': quantile_cont(
                case when columns('in_.*') then pe_percent end, [0.25, 0.5, 0.75]
            ),
            'ser': quantile_cont(
                case when columns('in_.*') and is_enhancing then ser end, [0.25, 0.5, 0.75]
            )
        }
    from voxel_enhancement
    where n_masks > 0
    group by case_id
),

quartiles as (
    unpivot quantiles on columns('in_.*') into name mask value q
),

inexact as (
    select distinct case_id
    from images
    where
        image_set = '{normalized}'
        and (
            stored_dtype not in ('float32', 'int16', 'uint16', 'int8', 'uint8')
            or coalesce(scl_slope, 1) not in (0, 1)
            or coalesce(scl_inter, 0) != 0
        )
),

given_up as (
    select findings.case_id
    from findings
    where
        findings.table = 'voxel_files'
        and findings.check = 'above_limit:limits.region_voxels'
),

zscored as (
    select
        case_id as known_case,
        mask as known_mask,
        n_voxels as n_carried,
        * exclude (case_id, mask, n_voxels)
    from kinetics
    where image_set = '{normalized}'
),

of_masks as (
    select
        masks.case_id,
        masks.mask as item,
        coalesce(
            not zscored.is_carried,
            list_distance(masks.affine, voxel_files.affine) < 1e-5
            and masks.size_x = voxel_files.size_x
            and masks.size_y = voxel_files.size_y
            and masks.size_z = voxel_files.size_z,
            declared.grid = '1mm',
            false
        ) as is_on_grid,
        coalesce(sums.n, 0) as n,
        if(is_on_grid, masks.voxel_count, null) as voxel_count,
        masks.affine[1] * sums.i + masks.affine[2] * sums.j + masks.affine[3] * sums.k
        + masks.affine[4] as r_mm,
        masks.affine[5] * sums.i + masks.affine[6] * sums.j + masks.affine[7] * sums.k
        + masks.affine[8] as a_mm,
        masks.affine[9] * sums.i + masks.affine[10] * sums.j + masks.affine[11] * sums.k
        + masks.affine[12] as s_mm,
        if(is_on_grid, [masks.centroid_r_mm, masks.centroid_a_mm, masks.centroid_s_mm], null)
            as centroid,
        sums.n_70 * voxel_files.voxel_volume_mm3 / 1000 as cm3_70,
        sums.n_90 * voxel_files.voxel_volume_mm3 / 1000 as cm3_90,
        sums.n_100 * voxel_files.voxel_volume_mm3 / 1000 as cm3_100,
        sums.n_140 * voxel_files.voxel_volume_mm3 / 1000 as cm3_140,
        sums.washout,
        quartiles.q,
        inexact.case_id is null as is_exact,
        zscored.*
    from masks
    left join profile_masks as declared on masks.mask = declared.mask
    left join voxel_files on masks.case_id = voxel_files.case_id
    left join inexact on masks.case_id = inexact.case_id
    left join zscored on masks.case_id = zscored.known_case and masks.mask = zscored.known_mask
    left join sums on masks.case_id = sums.case_id and masks.mask = sums.mask
    left join quartiles
        on masks.case_id = quartiles.case_id and 'in_' || masks.mask = quartiles.mask
    where
        masks.voxel_count > 0
        and masks.case_id not in (select given_up.case_id from given_up)
),

moments as (
    select
        case_id,
        phase,
        mask,
        max(value) filter (where feature = 'stat_mean') as mean,
        max(value) filter (where feature = 'stat_var') as variance,
        max(value) filter (where feature = 'stat_skew') as skewness,
        max(value) filter (where feature = 'stat_kurt') as kurtosis
    from recomputed_features
    where image_set = '{normalized}'
    group by case_id, phase, mask
),

of_pairs as (
    select
        pairs.case_id,
        pairs.mask_a,
        pairs.mask_b,
        pairs.dice as known_dice,
        2 * sum(a.n) filter (where a.is_in and b.is_in) / sum(a.n * (a.is_in::int + b.is_in::int))
            as dice
    from mask_agreement as pairs
    left join by_mask as a
        on pairs.case_id = a.case_id and 'in_' || pairs.mask_a = a.mask
    left join by_mask as b
        on a.combination = b.combination and 'in_' || pairs.mask_b = b.mask
    where pairs.grid = '1mm' and pairs.carried_mask is null
    group by all
),

-- Both numbers, and what their difference is a share of. A case that lacks a number of a kind is
-- right in that: a release may have one mask, or no image.
numbers as (
    select
        coalesce(voxel_files.case_id, counts.case_id) as case_id,
        coalesce(voxel_files.case_id, counts.case_id) as item,
        unnest(['rows', 'repeated', 'nonfinite']) as kind,
        unnest([coalesce(counts.n_rows, 0), counts.n_repeated, counts.n_nonfinite]) as ours,
        unnest([coalesce(voxel_files.n_voxels, 0), 0, 0]) as theirs,
        1 as scale
    from voxel_files
    full join counts on voxel_files.case_id = counts.case_id
    union all
    select
        case_id,
        case_id as item,
        unnest([
            'voxels', 'carried', 'centroid', 'volume', 'washout', 'quartile', 'moment', 'dice'
        ]) as kind,
        0 as ours,
        0 as theirs,
        1 as scale
    from counts
    union all
    select
        case_id,
        item,
        unnest(['voxels', 'carried', 'centroid', 'centroid', 'centroid']) as kind,
        unnest([n, n, r_mm, a_mm, s_mm]) as ours,
        unnest([
            voxel_count, if(is_on_grid, null, n_carried), centroid[1], centroid[2], centroid[3]
        ]) as theirs,
        1 as scale
    from of_masks
    union all
    select
        case_id,
        item,
        unnest([
            'volume', 'volume', 'volume', 'volume', 'washout', 'quartile', 'quartile', 'quartile',
            'quartile', 'quartile', 'quartile'
        ]) as kind,
        unnest([
            cm3_70, cm3_90, cm3_100, cm3_140, washout, q['pe'][1], q['pe'][2], q['pe'][3],
            q['ser'][1], q['ser'][2], q['ser'][3]
        ]) as ours,
        unnest([
            enhancing_volume_pe70_cm3, enhancing_volume_pe90_cm3, enhancing_volume_pe100_cm3,
            enhancing_volume_pe140_cm3, washout_fraction, pe_p25_percent, pe_median_percent,
            pe_p75_percent, ser_p25, ser_median, ser_p75
        ]) as theirs,
        theirs as scale
    from of_masks
    where is_exact
    union all
    select
        moments.case_id,
        concat(moments.mask, ' in phase ', moments.phase) as item,
        'moment' as kind,
        unnest([found.mean, found.variance, found.skewness, found.kurtosis]) as ours,
        unnest([moments.mean, moments.variance, moments.skewness, moments.kurtosis]) as theirs,
        unnest([
            greatest(abs(moments.mean), sqrt(moments.variance)), moments.variance,
            greatest(abs(moments.skewness), 1), greatest(abs(moments.kurtosis), 1)
        ]) as scale
    from moments
    left join voxel_statistics as found
        on
            moments.case_id = found.case_id
            and moments.mask = found.mask
            and moments.phase = found.phase
    union all
    select
        case_id,
        concat(mask_a, ' | ', mask_b) as item,
        'dice' as kind,
        dice as ours,
        known_dice as theirs,
        1 as scale
    from of_pairs
),

gaps as (
    select
        case_id,
        item,
        kind,
        concat(ours, ' by SQL, ', theirs, ' in the table') as shown,
        coalesce(abs(ours - theirs) / greatest(abs(scale), 1e-300), 'infinity') as gap
    from numbers
    where theirs is not null
)

select
    case_id,
    item,
    max(gap) filter (where kind = 'rows') as row_gap,
    max(gap) filter (where kind = 'repeated') as n_repeated,
    max(gap) filter (where kind = 'nonfinite') as n_nonfinite,
    max(gap) filter (where kind = 'voxels') as voxel_gap,
    max(gap) filter (where kind = 'carried') as carried_gap,
    max(gap) filter (where kind = 'centroid') as centroid_gap_mm,
    max(gap) filter (where kind = 'volume') as volume_gap,
    max(gap) filter (where kind = 'washout') as washout_gap,
    max(gap) filter (where kind = 'quartile') as quartile_gap,
    max(gap) filter (where kind = 'moment') as moment_gap,
    max(gap) filter (where kind = 'dice') as dice_gap,
    arg_max(shown, gap) as shown
from gaps
group by case_id, item
order by case_id, item
