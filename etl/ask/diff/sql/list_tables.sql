-- `has_parts`: one file per case, too many rows to be shown cell by cell.
select table_name, comment, false as has_parts from duckdb_tables()
where database_name = $catalog and schema_name = 'main'
union all
select view_name, comment, sql like '%hive_types%' from duckdb_views()
where database_name = $catalog and schema_name = 'main' and sql like '%read_parquet(%'
order by 1
