create view $schema.$table as
select $key_names, change, cell."column", cell.old, cell.new
from (
    select
        $keys,
        case
            when o._is_here is null then 'added'
            when n._is_here is null then 'removed'
            else 'changed'
        end as change,
        unnest([$cells]) as cell
    from (select *, true as _is_here from $old) as o
    full join (select *, true as _is_here from $new) as n on $match
)
where change != 'changed' or cell.differs
