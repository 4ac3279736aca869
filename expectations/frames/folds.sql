-- The folds of splits.csv against the first that git's history of the file has.
-- grain: one row for the file, and one row a subject
-- The row for the file, so that a project without folds is not a frame without a row.
select
    'splits.csv' as item,
    1.0 as n_folds,
    0.0 as n_moved
union all by name
select
    splits.case_id,
    concat('fold ', string_agg(splits.fold, ' and ' order by splits.fold)) as item,
    count(*) as n_folds,
    count_if(splits.fold::varchar != first_folds.fold::varchar) as n_moved
from inputs.splits as splits
left join first_folds
    on splits.dataset = first_folds.dataset and splits.case_id = first_folds.case_id
group by splits.case_id
order by case_id, item
