"""A query and a type in the words of an engine."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from sqlglot import ErrorLevel, exp

from etl.warehouse.connect import INPUTS_SCHEMA
from etl.warehouse.dialects.expand import ListColumns, expand

Rewrite = Callable[[exp.Expr], exp.Expr]


def translate(
    rewrites: Iterable[Rewrite],
    dialect: str,
    sql: str,
    list_columns: ListColumns,
    parameters: Collection[str],
    *,
    keeps_pivot: bool = False,
) -> str:
    """Return the query of a view or macro as an engine reads it.

    Raises:
        SqlglotError: the engine has no word for something in it.
    """
    tree: exp.Expr = expand(sql, list_columns, parameters, keeps_pivot=keeps_pivot)
    for rewrite in (_name_input, *rewrites):
        tree = tree.transform(rewrite)
    return tree.sql(dialect, pretty=True, comments=False, unsupported_level=ErrorLevel.RAISE)


def write_type(kind: str, dialect: str) -> str:
    """Return the name of a type of DuckDB in an engine."""
    return exp.DataType.build(kind, dialect="duckdb").sql(dialect).lower()


def _name_input(node: exp.Expr) -> exp.Expr:
    """Write `inputs.splits` as `inputs_splits`: an engine has one schema of ours."""
    if isinstance(node, exp.Table) and node.db == INPUTS_SCHEMA:
        table = exp.to_table(f"{INPUTS_SCHEMA}_{node.name}")
        return exp.alias_(table, node.alias_or_name, table=True)
    return node
