select table_name, comment from duckdb_tables()
where database_name = $catalog and schema_name = 'main'
union all
select view_name, comment from duckdb_views()
where database_name = $catalog and schema_name = 'main' and sql like '%read_parquet(%'
order by 1
