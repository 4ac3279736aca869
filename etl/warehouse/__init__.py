"""From tables to SQL: views, versions beside each other, queries, exports."""
