"""Questions with a parameter: a file of sql/macros is a table macro of DuckDB.

Its header is that of a view (etl.warehouse.views) with a further field:

    -- parameters:
    --   pe_min: Least enhancement [percent]
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import duckdb

from etl.model.errors import UserError
from etl.warehouse.sql_words import literal, quoted
from etl.warehouse.views import find_relations, parse_doc, qualify, table_comment

FOLDER = "sql/macros"
PARAMETERS, COLUMNS = "\nParameters:\n", "\nColumns:\n"  # in the comment of a macro
_RELATIONS = """
select table_name from duckdb_tables() where database_name = current_catalog()
union all select view_name from duckdb_views() where database_name = current_catalog()
"""


def make_macros(
    connection: duckdb.DuckDBPyConnection, texts: Mapping[str, str], catalog: str = ""
) -> None:
    """Make table macros in the current catalog, those whose tables and views are there.

    One that is broken hurts itself alone: a warning names it.

    Args:
        connection: where to.
        texts: name to SQL text.
        catalog: a macro is read where it is called: in a catalog that is no current one its
            tables need this name before them.
    """
    relations = {name for (name,) in connection.execute(_RELATIONS).fetchall()}
    for name, sql in texts.items():
        if not find_relations(sql) <= relations:
            continue
        try:
            connection.execute(_write_macro(name, qualify(sql, catalog) if catalog else sql))
        except (duckdb.Error, UserError) as error:
            reason = str(error).partition("\n")[0]
            warnings.warn(f"{FOLDER}/{name}.sql is broken: {reason}", stacklevel=2)


def _write_macro(name: str, sql: str) -> str:
    doc = parse_doc(name, sql, FOLDER)
    lists = [
        head + "\n".join(f"  {column}: {meaning}" for column, meaning in meanings.items())
        for head, meanings in ((PARAMETERS, doc.parameters), (COLUMNS, doc.columns))
    ]
    parameters = ", ".join(map(quoted, doc.parameters))
    comment = literal(f"{table_comment(doc.purpose, doc.grain, doc.key)}{''.join(lists)}")
    return (
        f"create or replace macro {quoted(name)}({parameters}) as table {sql};\n"
        f"comment on macro table {quoted(name)} is {comment}"
    )
