"""A query without what only DuckDB has: columns(), unpivot, pivot, group by all, aliases beside.

What `columns('in_.*')` stands for depends on the masks of the release: DuckDB is asked. Each step
leaves a query that DuckDB takes and answers alike.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator

from sqlglot import exp, parse_one
from sqlglot.errors import UnsupportedError

from etl.warehouse.sql_words import literal, quoted

ListColumns = Callable[[str], list[str]]  # of what a query gives


def expand(
    sql: str,
    list_columns: ListColumns,
    parameters: Collection[str] = (),
    *,
    keeps_pivot: bool = False,
) -> exp.Query:
    """Return the query of a view or a macro, every column of it named.

    Args:
        sql: as sql/views and sql/macros hold it, roles filled in.
        list_columns: what DuckDB says of a query.
        parameters: of a macro.
        keeps_pivot: whether the engine has a pivot, of a query in `from`.
    """
    # One more floor, so that a query which is nothing but an unpivot has a parent, too.
    tree = exp.Subquery(this=parse_one(sql, read="duckdb"))

    def ask(query: str) -> list[str]:
        with_ = tree.this.args.get("with_")
        asked = parse_one(f"{with_.sql('duckdb') if with_ else ''} {query}", read="duckdb")
        for column in list(asked.find_all(exp.Column)):
            if not column.table and column.name in parameters:
                column.replace(exp.Literal.number(1))
        return list_columns(asked.sql("duckdb"))

    for pivot in list(tree.find_all(exp.Pivot)):
        if pivot.args.get("unpivot"):
            pivot.replace(_write_unpivot(pivot, ask))
        else:
            select = pivot.parent_select or exp.Select()
            (_narrow_pivot if keeps_pivot else _write_pivot)(*_read_pivot(pivot), select)
    for select in list(tree.find_all(exp.Select)):
        for step in (_expand_columns, _replace_in_star, _inline_aliases):
            step(select, ask)
        _number_groups(select)
    query: exp.Query = tree.this.transform(_take_greatest)
    return query


def _write_unpivot(pivot: exp.Pivot, ask: ListColumns) -> exp.Expr:
    """Return `unpivot x on columns(...) into name n value v` as a join with rows of values."""
    source = pivot.this.sql("duckdb")
    names = ask(f"select * from {source}")  # noqa: S608  a name in our own query
    chosen = [name for columns in pivot.expressions for name in _match(columns, names)]
    into = pivot.args["into"]
    name, value = into.this.name, into.expressions[0].name
    rows = ", ".join(f"({literal(c)}, {source}.{quoted(c)})" for c in chosen)
    columns = ", ".join(f"{source}.{c}" for c in names if c not in chosen)
    return parse_one(
        f"select {columns}, unpivoted.{name}, unpivoted.{value} from {source} "  # noqa: S608  quoted
        f"cross join lateral (values {rows}) as unpivoted ({name}, {value}) "
        f"where unpivoted.{value} is not null",
        read="duckdb",
    )


def _match(columns: exp.Expression, names: Iterable[str]) -> Iterator[str]:
    """Yield the names that `columns(...)`, or one column, stands for.

    Raises:
        UnsupportedError: they are chosen otherwise than by a pattern.
    """
    if isinstance(columns, exp.Column):
        yield columns.name
        return
    if not (isinstance(columns.this, exp.Star) or columns.this.is_string):
        message = "columns() is carried over with a pattern alone"
        raise UnsupportedError(message)
    pattern = "" if isinstance(columns.this, exp.Star) else columns.this.name
    yield from (name for name in names if re.search(pattern, name))


def _read_pivot(pivot: exp.Pivot) -> tuple[exp.Pivot, exp.In, exp.Expr, list[exp.Expr]]:
    """Return a `pivot (first(value) for name in (...) group by key)` and its three parts.

    Raises:
        UnsupportedError: it has another form, so that its columns depend on the rows.
    """
    if not pivot.args.get("fields") or not pivot.args.get("group"):
        message = "a pivot is carried over with `for name in (...) group by` alone"
        raise UnsupportedError(message)
    (field,), (first,) = pivot.args["fields"], pivot.expressions
    return pivot, field, first.this, pivot.args["group"].expressions


def _write_pivot(
    pivot: exp.Pivot, field: exp.In, value: exp.Expr, groups: list[exp.Expr], select: exp.Select
) -> None:
    """Put one aggregate a column in the place of a pivot."""
    wide = []
    for name in field.expressions:
        is_named = exp.Where(this=exp.EQ(this=field.this.copy(), expression=name))
        greatest = exp.Filter(this=exp.Max(this=value.copy()), expression=is_named)
        wide.append(exp.alias_(greatest, name.name, quoted=True))
    pivot.pop()
    select.set("expressions", [*(group.copy() for group in groups), *wide])
    select.set("group", exp.Group(expressions=groups))


def _narrow_pivot(
    pivot: exp.Pivot, field: exp.In, value: exp.Expr, groups: list[exp.Expr], select: exp.Select
) -> None:
    """Give a pivot no other column than it names: it is grouped by those that are left."""
    table = select.args["from_"].this
    pivot.pop()
    rows = exp.select(*groups, field.this, value).from_(table).subquery()
    greatest = exp.Max(this=value.copy())
    rows.set("pivots", [exp.Pivot(expressions=[greatest], fields=[field], unpivot=False)])
    select.args["from_"].set("this", rows)


def _expand_columns(select: exp.Select, ask: ListColumns) -> None:
    if not any(item.find(exp.Columns) for item in select.expressions):
        return
    names = ask(f"select * {_write_source(select)}")
    items: list[exp.Expr] = []
    for item in select.expressions:
        columns = item.find(exp.Columns)
        chosen = [exp.column(name) for name in _match(columns, names)] if columns else []
        if columns and columns.args.get("unpack"):  # all of them are arguments of one function
            columns.replace(chosen)
        items += [_name_column(item, c.name) for c in chosen] if item.find(exp.Columns) else [item]
    select.set("expressions", items)


def _write_source(select: exp.Select) -> str:
    parts = (select.args["from_"], *select.args.get("joins", ()))
    return " ".join(part.sql("duckdb") for part in parts)


def _name_column(item: exp.Expression, name: str) -> exp.Expr:
    """Return an item of a select with a column in the place of its `columns(...)`."""
    named = item.copy().transform(
        lambda node: exp.column(name) if isinstance(node, exp.Columns) else node
    )
    return named if isinstance(named, exp.Column) else exp.alias_(named, name)


def _replace_in_star(select: exp.Select, ask: ListColumns) -> None:
    """Name every column of `x.* replace (... as y)`."""
    items: list[exp.Expr] = []
    for item in select.expressions:
        replaced = item.this.args.get("replace") if isinstance(item, exp.Column) else None
        if not replaced:
            items.append(item)
            continue
        changed = {alias.alias: alias for alias in replaced}
        names = ask(f"select {item.table}.* {_write_source(select)}")
        items += [changed.get(name) or exp.column(name, table=item.table) for name in names]
    select.set("expressions", items)


def _inline_aliases(select: exp.Select, ask: ListColumns) -> None:
    """Write an expression again where a later item of the same select names its alias."""
    aliases: dict[str, exp.Expr] = {}
    names: list[str] | None = None
    for item in select.expressions:
        for column in list(item.find_all(exp.Column)):
            if column.table or column.name not in aliases:
                continue
            names = ask(f"select * {_write_source(select)}") if names is None else names
            if column.name not in names:
                column.replace(exp.paren(aliases[column.name].copy()))
        if isinstance(item, exp.Alias):
            aliases[item.alias] = item.this


def _number_groups(select: exp.Select) -> None:
    """Put the numbers of the items without an aggregate in the place of `group by all`."""
    group = select.args.get("group")
    if group and group.args.get("all"):
        numbers = [
            exp.Literal.number(number)
            for number, item in enumerate(select.expressions, start=1)
            if not item.find(exp.AggFunc)
        ]
        select.set("group", exp.Group(expressions=numbers))


def _take_greatest(node: exp.Expr) -> exp.Expr:
    """Take the greatest where any value will do: not every engine has any_value()."""
    if isinstance(node, exp.IgnoreNulls) and isinstance(node.this, exp.AnyValue):
        return exp.Max(this=node.this.this)
    return node
