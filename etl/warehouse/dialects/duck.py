"""The warehouse in DuckDB: views over the Parquet files, so that nothing is copied."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from etl.warehouse.connect import INPUTS_SCHEMA, comments
from etl.warehouse.dialects.expand import ListColumns
from etl.warehouse.dialects.parts import PARQUET, Parts, Relation
from etl.warehouse.sql_words import literal, scan_parquet, scan_parts

HEAD = """\
-- The warehouse in DuckDB 2.0 or later: views over the Parquet files beside this script, macros.
-- Written by `ispy1 export --dialect duckdb`. Run it in this folder, then query there:
--
--     duckdb my.duckdb -f views.duckdb.sql
--
-- In another folder, say first: set file_search_path = 'the/folder/of/this/script'
"""


def keep(sql: str, _list_columns: ListColumns, _parameters: Collection[str]) -> str:
    """Return a query without its header: it is in DuckDB's words already."""
    lines = sql.splitlines()
    start = next(number for number, line in enumerate(lines) if not line.startswith("--"))
    return "\n".join(lines[start:])


def write_script(parts: Parts, _folder: Path) -> Iterator[str]:
    """Yield the statements."""
    yield f"create schema {INPUTS_SCHEMA}"
    for table in parts.tables:
        scan = scan_parts if table.by_case else scan_parquet
        yield f"create view {table.source} as\nfrom {scan(Path(PARQUET, table.file))}"
        yield from _write_comments(table)
    for view in parts.views:
        yield f"create view {view.source} as\n{view.query}"
        yield from _write_comments(view)
    for macro in parts.functions:
        names = ", ".join(macro.parameters)
        yield f"create macro {macro.source}({names}) as table\n{macro.query}"
        yield f"comment on macro table {macro.source} is {literal(macro.comment)}"


def _write_comments(relation: Relation) -> Iterator[str]:
    meanings: Mapping[str, str] = {c.name: c.meaning for c in relation.columns}
    return comments("view", relation.source, relation.comment, meanings)
