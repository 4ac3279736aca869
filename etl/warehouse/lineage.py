"""Which table columns stand behind a column of a view, or of any query: sqlglot's lineage.

Views on views are followed down to the tables. A condition that fixes a column to one value
(`max(volume_cm3) filter (where mask = 'ftv')`) is kept: it says which rows go in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError
from sqlglot.lineage import Node, lineage

DIALECT = "duckdb"
MAIN = "main"
_WORD = re.compile(r"\w+")
_COLUMNS = re.compile(r"\*?\bcolumns\('([^']*)'\)", re.IGNORECASE)
_UNPIVOT = re.compile(r"\bunpivot\b", re.IGNORECASE)
# schema -> table -> column -> type
Schema = Mapping[str, Mapping[str, Mapping[str, str]]]


@dataclass(frozen=True, slots=True)
class Source:
    """One table column behind a column.

    `table`: as a query writes it (`masks`, `inputs.splits`). `fixed`: columns of that table that
    a condition fixes, and their values. `is_condition`: it only chooses rows.
    """

    table: str
    column: str
    fixed: Mapping[str, Any] = field(default_factory=dict)
    is_condition: bool = False


def find_sources(
    column: str, sql: str, schema: Schema, views: Mapping[str, str]
) -> list[Source] | None:
    """Return the table columns behind one column of a query; None where the SQL cannot be followed.

    Args:
        column: the output column.
        sql: the query.
        schema: the columns of every table.
        views: the SQL of every view that the query may read.
    """
    if _is_unpivoted(sql, views):
        return None
    try:
        pivoted = _find_pivot_sources(column, parse_one(sql, dialect=DIALECT))
        if pivoted is not None:
            return pivoted
        name = exp.column(exp.to_identifier(column, quoted=True))
        query = _read_query(sql, schema)
        return _list_behind(lineage(name, query, **_make_options(sql, schema, views)))
    except SqlglotError:
        return None


def find_all_sources(sql: str, schema: Schema, views: Mapping[str, str]) -> dict[str, list[Source]]:
    """Return every column of a query and what is behind it; empty for SQL not followed."""
    if _is_unpivoted(sql, views):
        return {}
    try:
        query = _read_query(sql, schema)
        nodes = lineage(None, query, **_make_options(sql, schema, views))
        return {name: _list_behind(node) for name, node in nodes.items()}
    except SqlglotError:
        return {}


def _list_needed_views(sql: str, views: Mapping[str, str]) -> dict[str, str]:
    """Return the views that a query names, and those that they name: parsing all takes longer."""
    needed: dict[str, str] = {}
    todo = [sql]
    while todo:
        words = set(_WORD.findall(todo.pop()))
        new = {name: text for name, text in views.items() if name in words and name not in needed}
        needed |= new
        todo += new.values()
    return needed


def _is_unpivoted(sql: str, views: Mapping[str, str]) -> bool:
    """Return whether a query, or a view that it reads, turns columns into rows."""
    return any(_UNPIVOT.search(text) for text in (sql, *_list_needed_views(sql, views).values()))


def _read_query(sql: str, schema: Schema) -> exp.Expr:
    """Return SQL as sqlglot follows it: columns named, those of a `union by name` in one order."""
    tree = parse_one(_spell_columns(sql, schema), dialect=DIALECT)
    for union in tree.find_all(exp.SetOperation):
        if union.args.get("by_name"):
            _line_up([*_list_sides(union)])
    return tree


def _list_sides(query: exp.Expr) -> Iterator[exp.Query]:
    if isinstance(query, exp.SetOperation):
        yield from _list_sides(query.left)
        yield from _list_sides(query.right)
    elif isinstance(query, exp.Select):
        yield query


def _line_up(sides: list[exp.Query]) -> None:
    """Give the sides of a union the same columns in one order."""
    names = dict.fromkeys(name for side in sides for name in side.named_selects)
    for side in sides:
        items = {item.alias_or_name: item for item in side.selects}
        columns = [items.get(name) or exp.alias_(exp.null(), name) for name in names]
        side.set("expressions", columns)


def _spell_columns(sql: str, schema: Schema) -> str:
    """Return SQL with the names of columns in place of `columns('in_.*')`, which sqlglot leaves."""
    words = set(_WORD.findall(sql))
    columns = [c for table, columns in schema[MAIN].items() if table in words for c in columns]

    def spell(match: re.Match[str]) -> str:
        return ", ".join(dict.fromkeys(c for c in columns if re.fullmatch(match[1], c)))

    return _COLUMNS.sub(spell, sql)


def _make_options(sql: str, schema: Schema, views: Mapping[str, str]) -> dict[str, Any]:
    """Return what lineage() wants to know beside the query."""
    return {
        "schema": schema,
        "sources": {
            name: _read_query(text, schema) for name, text in _list_needed_views(sql, views).items()
        },
        "dialect": DIALECT,
        "trim_selects": False,
        "db": MAIN,
    }


def _list_behind(node: Node) -> list[Source]:
    """Return the values first, then the columns that only choose rows; sqlglot knows no order."""
    uses = {
        _order(source): source
        for inner in node.walk()
        for leaf in inner.downstream
        if isinstance(leaf.source, exp.Table) and not leaf.downstream
        for source in _find_uses(inner, leaf.name, leaf.source)
    }
    return [uses[key] for key in sorted(uses)]


def _order(source: Source) -> tuple[bool, str, str, str]:
    fixed = repr(sorted(source.fixed.items()))
    return (source.is_condition, source.table, source.column, fixed)


def _find_uses(inner: Node, leaf: str, table: exp.Table) -> Iterator[Source]:
    """Yield how an expression uses a table's column: once as a value, once in a filter, say."""
    alias, _, column = leaf.rpartition(".")
    alias, column = alias.strip('"'), column.strip('"')
    name = table.name if table.db in ("", MAIN) else f"{table.db}.{table.name}"
    select = inner.source if isinstance(inner.source, exp.Select) else None
    always = list(_list_conditions(select)) if select else []
    for use in inner.expression.find_all(exp.Column):
        if use.name == column and use.table == alias:
            around = list(_list_conditions_around(use))
            fixed = dict(_list_fixed_values(alias, [*always, *around]))
            yield Source(name, column, fixed, _is_in_condition(use))


def _list_conditions(select: exp.Select) -> Iterator[exp.Expr]:
    """Yield what holds for all rows of a select: its where, and its joins' conditions."""
    where = select.args.get("where")
    if where:
        yield where.this
    for join in select.args.get("joins") or ():
        if join.args.get("on"):
            yield join.args["on"]


def _list_conditions_around(use: exp.Expr) -> Iterator[exp.Expr]:
    """Yield the aggregate's filter and the `case when` around a column outside of them."""
    for inner, outer in _climb(use):
        if isinstance(outer, exp.Filter) and inner is outer.this:
            yield outer.expression.this
        if isinstance(outer, exp.If) and inner is not outer.this:
            yield outer.this


def _is_in_condition(use: exp.Expr) -> bool:
    return any(
        (isinstance(outer, exp.Filter) and inner is outer.expression)
        or (isinstance(outer, exp.If) and inner is outer.this)
        for inner, outer in _climb(use)
    )


def _climb(node: exp.Expr) -> Iterator[tuple[exp.Expr, exp.Expr]]:
    """Yield a node with its parent, the parent with its own, and so on."""
    while node.parent is not None:
        yield node, node.parent
        node = node.parent


def _list_fixed_values(alias: str, conditions: list[exp.Expr]) -> Iterator[tuple[str, Any]]:
    """Yield columns of one table that conditions set equal to a value."""
    for condition in conditions:
        for part in condition.flatten() if isinstance(condition, exp.And) else [condition]:
            plain = part.unnest()
            if isinstance(plain, exp.EQ):
                left, right = plain.this, plain.expression
                if isinstance(left, exp.Literal):
                    left, right = right, left
                is_fixed = isinstance(left, exp.Column) and isinstance(right, exp.Literal)
                if is_fixed and left.table == alias:
                    yield left.name, right.to_py()


def _find_pivot_sources(column: str, query: exp.Expr) -> list[Source] | None:
    """Follow `select * from t pivot (first(v) for k in ('a', ...) group by g)`, else None."""
    table = query.args["from_"].this if query.args.get("from_") else None
    pivots = table.args.get("pivots") if isinstance(table, exp.Table) else None
    if not isinstance(table, exp.Table) or not pivots or len(pivots) != 1:
        return None
    pivot = pivots[0]
    values = [column for item in pivot.expressions for column in item.find_all(exp.Column)]
    for inside in pivot.args["fields"]:
        names = {literal.this for literal in inside.expressions if isinstance(literal, exp.Literal)}
        if column in names:
            fixed = {inside.this.name: column}
            return [Source(table.name, value.name, fixed) for value in values]
    return [Source(table.name, column)]
