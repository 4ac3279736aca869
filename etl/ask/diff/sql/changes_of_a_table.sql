select
    $name as "table",
    $case_id as case_id,
    $key as key,
    c.change,
    c."column",
    case
        when c."column" in ($lineage) then 'blob'
        when c.old is null or c.new is null or c."column" in ($coverage) then 'coverage'
        else 'value'
    end as kind,
    c.old,
    c.new,
    $difference as difference,
    s.spread,
    case
        when c."column" in ($lineage) then null
        when c.new is null then (s.n_rows + 1) / (s.n_rows - s.n_values + 1)
        when c.old is null then (s.n_rows + 1) / (s.n_values + 1)
        when not s.is_number then 1
        when isfinite(difference) and s.spread > 0 then abs(difference) / s.spread
        else 'infinity'::double
    end as unusual
from $schema.$table as c
left join (
    select $group_names unnest(stats, recursive := true)
    from (select $group [$stats] as stats from $old as a group by all)
) as s on $same_group and c."column" = s.name
where c.change = 'changed'
union all
select
    $name, $case_of_row, $key, c.change, null, 'coverage', null, null, null, null,
    (coalesce(g.n, 0) + 1) / (count(*) over (partition by $group_of_rows c.change) + 1)
from (
    select
        $key_names,
        change,
        any_value(coalesce(new, old)) filter (where "column" = 'case_id') as _case
    from $schema.$table
    where change != 'changed'
    group by all
) as c
left join (select $group count(*) as n from $old as a group by all) as g on $same_rows
