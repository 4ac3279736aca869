{% from "macros.sql" import select_columns %}
{% macro select_masks(columns, source) %}
    select
        {{ select_columns(
            columns, case_id="varchar", mask="varchar", volume_cm3="double", path="varchar",
            blob_md5="varchar", voxel_digest="varchar",
        ) }},
        true as _is_here
    from {{ source }}
{% endmacro %}
create view {{ schema }}.mask_volumes as
select
    coalesce(n.case_id, o.case_id) as case_id,
    coalesce(n.mask, o.mask) as mask,
    case
        when o._is_here is null then 'added'
        when n._is_here is null then 'removed'
        else 'changed'
    end as change,
    o.volume_cm3 as old_cm3,
    n.volume_cm3 as new_cm3,
    n.volume_cm3 - o.volume_cm3 as difference_cm3,
    100 * (n.volume_cm3 - o.volume_cm3) / nullif(o.volume_cm3, 0) as difference_percent,
    case
        when difference_cm3 = 0 then 0
        when o.volume_cm3 is not null and n.volume_cm3 is not null
            then coalesce(abs(difference_cm3) / s.spread, 'infinity'::double)
    end as unusual,
    coalesce(n.path, o.path) as path,
    o.path as old_path,
    o.blob_md5 as old_md5,
    n.path as new_path,
    n.blob_md5 as new_md5
from ({{ select_masks(masks.old or masks.new, masks.old_source) }}) as o
full join ({{ select_masks(masks.new or masks.old, masks.new_source) }}) as n
    on o.case_id = n.case_id and o.mask = n.mask
left join (
    select
        mask,
        nullif(coalesce(
            nullif(quantile_cont(volume_cm3, 0.75) - quantile_cont(volume_cm3, 0.25), 0),
            max(volume_cm3) - min(volume_cm3)
        ), 0) as spread
    from {{ masks.old_source }}
    group by mask
) as s on o.mask = s.mask
where
    change != 'changed'
    or o.volume_cm3 is distinct from n.volume_cm3
    or o.voxel_digest is distinct from n.voxel_digest
