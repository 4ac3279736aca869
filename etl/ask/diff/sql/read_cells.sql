select "table", key, "column", old, new, difference, spread, unusual from _changes
where kind = $kind and "column" is not null
order by case_id is null, unusual desc nulls last, "table", key, "column"
