"""The warehouse in Apache Spark 4.1 or later: tables over the Parquet files, views, functions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from sqlglot import exp, parse_one
from sqlglot.errors import UnsupportedError

from etl.warehouse.dialects.parts import PARQUET, Column, Parts, Relation
from etl.warehouse.dialects.write import Rewrite, write_type

DIALECT, SCHEMA = "spark", "ispy1"
COMMENT = 256  # characters of a comment on a column, in a Hive metastore
HEAD = """\
-- The warehouse in Apache Spark 4.1 or later: tables over the Parquet files beside this script,
-- views and functions, in a schema of their own. Written by `ispy1 export --dialect spark`.
--
--     spark-sql -f views.spark.sql
--
-- The first statement names the folder: change it where workers reach it by another address. For
-- another schema put its name in the place of every ispy1.
"""
_SIMILARITY = """\
create or replace function list_cosine_similarity(a array<double>, b array<double>)
returns double
return aggregate(zip_with(a, b, (x, y) -> x * y), 0d, (total, x) -> total + x)
  / nullif(
    sqrt(aggregate(a, 0d, (total, x) -> total + x * x))
    * sqrt(aggregate(b, 0d, (total, x) -> total + x * x)), 0d
  )"""

# Features of one cluster take the least of the numbers that they are linked by, until none changes.
_REACHED = """
with recursive linked as (
  select source, test_fold, feature, feature as like_it from profiles
  union all
  select source, test_fold, feature, like_it from alike
),
neighbours as (
  select source, test_fold, feature, collect_list(like_it) as others
  from linked
  group by source, test_fold, feature
),
lists as (
  select source, test_fold, array_sort(collect_list(struct(feature, others))) as list
  from neighbours
  group by source, test_fold
),
named as (
  select source, test_fold, list, transform(list, x -> x.feature) as names
  from lists
),
graphs as (
  select
    source, test_fold, names,
    transform(list, x -> transform(x.others, y -> cast(array_position(names, y) as int))) as graph
  from named
),
labelled as (
  select
    source, test_fold, names, graph,
    transform(graph, (x, i) -> i + 1) as labels,
    transform(graph, x -> array_min(x)) as following,
    0 as round
  from graphs
  union all
  select
    source, test_fold, names, graph, following as labels,
    transform(
      transform(graph, x -> array_min(transform(x, y -> following[y - 1]))),
      x -> following[x - 1]
    ) as following,
    round + 1 as round
  from labelled
  where labels != following
),
finished as (
  select
    source, test_fold,
    max_by(arrays_zip(names, labels), round) as members
  from labelled
  where labels = following
  group by source, test_fold
)
select source, test_fold, one.names as feature, other.names as member
from finished
lateral view explode(members) ones as one
lateral view explode(filter(members, x -> x.labels = one.labels)) others as other
"""


def write_script(parts: Parts, folder: Path) -> Iterator[str]:
    """Yield the statements, each of which Spark takes by itself."""
    yield f"set ispy1.folder = {folder}"
    yield f"create schema if not exists {SCHEMA}"
    yield f"use {SCHEMA}"
    yield _SIMILARITY
    for table in parts.tables:
        yield f"drop table if exists {table.name}"
        yield _write_table(table)
        if table.by_case:
            yield f"msck repair table {table.name}"
    yield from map(_write_view, parts.views)
    yield from map(_write_function, parts.functions)


def list_changes(parts: Parts) -> Iterator[tuple[str, str]]:
    """Yield whose meaning is cut, with the reason."""
    for relation in (*parts.tables, *parts.views, *parts.functions):
        for column in relation.columns:
            if len(column.meaning) > COMMENT:
                reason = f"has its comment cut, as a Hive metastore holds {COMMENT} characters"
                yield f"{relation.name}.{column.name}", reason


def _write_table(table: Relation) -> str:
    columns = sorted(table.columns, key=lambda c: table.by_case and c.name == "case_id")
    partition = "partitioned by (case_id)\n" if table.by_case else ""
    return (
        f"create table {table.name} (\n{_list_columns(columns)}\n)\n"
        f"using parquet\noptions (skipHiveMetadata = true)\n{partition}"  # Hive wants a folder
        f"comment {_quote_text(table.comment)}\nlocation '${{ispy1.folder}}/{PARQUET}/{table.file}'"
    )


def _write_view(view: Relation) -> str:
    columns = ",\n".join(f"  {_quote(c.name)} {_comment(c)}" for c in view.columns)
    return (
        f"create or replace view {view.name} (\n{columns}\n)\n"
        f"comment {_quote_text(view.comment)}\nas\n{view.query}"
    )


def _write_function(function: Relation) -> str:
    parameters = ", ".join(
        f"{name} double comment {_quote_text(meaning)}"
        for name, meaning in function.parameters.items()
    )
    return (
        f"create or replace function {function.name}({parameters})\n"
        f"returns table (\n{_list_columns(function.columns)}\n)\n"
        f"comment {_quote_text(function.comment)}\nreturn\n{function.query}"
    )


def _list_columns(columns: Iterable[Column]) -> str:
    return ",\n".join(
        f"  {_quote(c.name)} {write_type(c.type, DIALECT)} {_comment(c)}" for c in columns
    )


def _comment(column: Column) -> str:
    is_long = len(column.meaning) > COMMENT
    meaning = f"{column.meaning[: COMMENT - 3]}..." if is_long else column.meaning
    return f"comment {_quote_text(meaning)}"


def _quote(name: str) -> str:
    return exp.to_identifier(name, quoted=True).sql(DIALECT)


def _quote_text(text: str) -> str:
    return exp.Literal.string(text).sql(DIALECT)


def _explode_values(lateral: exp.Lateral) -> exp.Expr:
    """Spark's `values` cannot name a column of the row beside: inline() can."""
    if not isinstance(lateral.this.this, exp.Values):
        return lateral
    rows = ", ".join(
        f"struct({', '.join(f'{v.sql(DIALECT)} as c{i}' for i, v in enumerate(row.expressions))})"
        for row in lateral.this.this.expressions
    )
    inline = parse_one(f"inline(array({rows}))", read=DIALECT)
    return exp.Lateral(this=inline, alias=lateral.args["alias"])


def _order_list(collected: exp.ArrayAgg) -> exp.Expr:
    """collect_list() has no order: structs of key and value are sorted."""
    if not isinstance(collected.this, exp.Order):
        return collected
    (ordered,) = collected.this.expressions
    key, value = ordered.this.sql(DIALECT), collected.this.this.sql(DIALECT)
    return parse_one(
        f"transform(array_sort(collect_list(struct({key} as k, {value} as v))), x -> x.v)",
        read=DIALECT,
    )


def _read_struct(item: exp.Bracket) -> exp.Expr:
    """Write `part['n']` as `part.n`."""
    name = item.expressions[0]
    if not name.is_string:
        return item
    return exp.Dot(this=item.this, expression=exp.to_identifier(name.name))


def _name_struct(call: exp.Anonymous) -> exp.Expr:
    if call.name.lower() != "row":
        return call
    return exp.Anonymous(this="struct", expressions=call.expressions)


def _interpolate(percentile: exp.PercentileCont) -> exp.Expr:
    """percentile() is exact and interpolates, as DuckDB's quantile_cont() does."""
    arguments = [percentile.this, percentile.expression]
    return exp.Anonymous(this="percentile", expressions=arguments)


def _walk_by_labels(cte: exp.CTE) -> exp.Expr:
    """Let a row be a whole graph: Spark's recursion cannot leave out what it has met.

    Raises:
        UnsupportedError: it is a recursion that nobody has written for Spark.
    """
    if isinstance(cte.this, exp.Union) and cte.this.args.get("distinct"):
        tables = {table.name for table in cte.this.find_all(exp.Table)}
        if tables == {"profiles", "reached", "alike"}:
            cte.set("this", parse_one(_REACHED, read=DIALECT))
        elif cte.alias in tables:
            message = "a recursion of Spark has `union all` alone"
            raise UnsupportedError(message)
    return cte


def _name_schema(table: exp.Table) -> exp.Expr:
    """A function looks for its tables where it is called."""
    ctes = {cte.alias for cte in table.root().find_all(exp.CTE)}
    if table.name and not table.db and table.name not in ctes:
        table.set("db", exp.to_identifier(SCHEMA))
    return table


def _keep_no_hint(cte: exp.CTE) -> exp.Expr:
    """Spark has no `as materialized`."""
    cte.set("materialized", None)
    return cte


REWRITES: tuple[Rewrite, ...] = (
    (exp.Lateral, _explode_values),
    (exp.ArrayAgg, _order_list),
    (exp.Bracket, _read_struct),
    (exp.Anonymous, _name_struct),
    (exp.PercentileCont, _interpolate),
    (exp.CTE, _walk_by_labels),
    (exp.Table, _name_schema),
    (exp.CTE, _keep_no_hint),
)
