"""One module a table: its schema, what it reads, measure() and assemble()."""
