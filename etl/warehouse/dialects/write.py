"""A query and a type in the words of an engine."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from functools import partial
from typing import Any

from sqlglot import ErrorLevel, exp

from etl.warehouse.connect import INPUTS_SCHEMA
from etl.warehouse.dialects.expand import ListColumns, expand

# Nodes of a kind, and what stands in the place of each.
Rewrite = tuple[type[exp.Expr], Callable[[Any], exp.Expr]]


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
    for kind, rewrite in ((exp.Table, _name_input), *rewrites):
        tree = tree.transform(partial(_rewrite, kind, rewrite), copy=False)
    return tree.sql(dialect, pretty=True, comments=False, unsupported_level=ErrorLevel.RAISE)


def write_type(kind: str, dialect: str) -> str:
    """Return the name of a type of DuckDB in an engine."""
    return exp.DataType.build(kind, dialect="duckdb").sql(dialect).lower()


def _rewrite(kind: type[exp.Expr], rewrite: Callable[[Any], exp.Expr], node: exp.Expr) -> exp.Expr:
    return rewrite(node) if isinstance(node, kind) else node


def _name_input(table: exp.Table) -> exp.Expr:
    """Write `inputs.splits` as `inputs_splits`: an engine has one schema of ours."""
    if table.db != INPUTS_SCHEMA:
        return table
    renamed = exp.to_table(f"{INPUTS_SCHEMA}_{table.name}")
    return exp.alias_(renamed, table.alias_or_name, table=True)
