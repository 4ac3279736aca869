"""The warehouse for other engines: a script of tables, views and functions in their SQL."""
