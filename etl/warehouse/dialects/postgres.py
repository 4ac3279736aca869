"""The warehouse in Postgres 14 or later: tables filled by COPY, views, functions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sqlglot import exp, parse_one
from sqlglot.errors import UnsupportedError

from etl.warehouse.connect import comments
from etl.warehouse.dialects.parts import Column, Parts, Relation
from etl.warehouse.dialects.write import Rewrite, write_type
from etl.warehouse.sql_words import literal, quoted

DIALECT = "postgres"
CSV = "csv"
NAME_BYTES = 63  # Postgres cuts a longer name
BINARY = 'collate "C"'  # texts in the order of their bytes, as everywhere in the warehouse
HEAD = """\
-- The warehouse in Postgres 14 or later: tables filled from the CSV files beside this script (psql
-- cannot read Parquet), views and functions, in a schema of their own, in one transaction.
-- Written by `ispy1 export --dialect postgres`. Run it by psql in this folder:
--
--     psql -f views.postgres.sql
--
-- Then `set search_path = ispy1`. Another name: psql -v schema=name -f views.postgres.sql. To load
-- a new export, first: drop schema ispy1 cascade
\\set ON_ERROR_STOP on
\\if :{?schema}
\\else
\\set schema ispy1
\\endif
"""
_SIMILARITY = """\
create function list_cosine_similarity(a double precision[], b double precision[])
returns double precision language sql immutable parallel safe
return (
  select sum(x * y) / nullif(sqrt(sum(x * x)) * sqrt(sum(y * y)), 0)
  from unnest(a, b) as pairs (x, y)
)"""


def write_script(parts: Parts, _folder: Path) -> Iterator[str]:
    """Yield the statements."""
    yield "begin"
    yield 'create schema :"schema"'
    yield 'set local search_path to :"schema"'
    yield _SIMILARITY
    for table in parts.tables:
        yield from _write_table(table)
    for view in parts.views:
        yield f"create view {view.name} as\n{view.query}"
        yield from _write_comments("view", view)
    for function in parts.functions:
        yield from _write_function(function)
    yield "commit"


def list_changes(parts: Parts) -> Iterator[tuple[str, str]]:
    """Yield what is carried over under another name, with the reason."""
    for relation in (*parts.tables, *parts.views):
        for column in relation.columns:
            if _cut(column.name) != column.name:
                reason = f"is called {_cut(column.name)}: a name has at most {NAME_BYTES} bytes"
                yield f"{relation.name}.{column.name}", reason


def _write_table(table: Relation) -> Iterator[str]:
    yield f"create table {table.name} (\n{_list_columns(table.columns, BINARY)}\n)"
    unpacked = f"program 'gzip -dc {CSV}/{table.name}.csv.gz'"
    yield f"\\copy {table.name} from {unpacked} (format csv, header)"
    if table.by_case:
        yield f"create index on {table.name} (case_id)"
    yield f"analyze {table.name}"
    yield from _write_comments("table", table)


def select_rows(table: Relation) -> str:
    """Return the query that gives the rows of a table in the form that COPY reads."""
    columns = ", ".join(f"{_write_value(c)} as {quoted(c.name)}" for c in table.columns)
    return f"select {columns} from {table.source}"  # noqa: S608  quoted


def _write_value(column: Column) -> str:
    name = quoted(column.name)
    if column.type == "FLOAT":  # the shortest text of a float is another double
        return f"{name}::double"
    if column.type.endswith("[]"):
        quote = "'\"' || replace(replace(item, '\\', '\\\\'), '\"', '\\\"') || '\"'"
        item = quote if column.type == "VARCHAR[]" else "item::varchar"
        items = f"list_transform({name}, lambda item: coalesce({item}, 'null'))"
        return f"'{{' || array_to_string({items}, ',') || '}}'"
    return name


def _list_columns(columns: tuple[Column, ...], collation: str = "") -> str:
    return ",\n".join(f"  {quoted(c.name)} {_write_type(c.type, collation)}" for c in columns)


def _write_type(kind: str, collation: str) -> str:
    if kind.startswith("MAP"):
        return "jsonb"
    name = write_type(kind.replace("FLOAT", "DOUBLE"), DIALECT)
    return f"{name} {collation}" if collation and name.startswith("text") else name


def _write_comments(kind: str, relation: Relation) -> Iterator[str]:
    meanings = {_cut(column.name): column.meaning for column in relation.columns}
    return comments(kind, relation.name, relation.comment, meanings)


def _cut(name: str) -> str:
    return name.encode()[:NAME_BYTES].decode(errors="ignore")


def _write_function(function: Relation) -> Iterator[str]:
    parameters = ", ".join(f"{name} double precision" for name in function.parameters)
    yield (
        f"create function {function.name}({parameters})\n"
        f"returns table (\n{_list_columns(function.columns)}\n)\nlanguage sql stable\n"
        f"begin atomic\n{function.query};\nend"
    )
    yield f"comment on function {function.name} is {literal(function.comment)}"


def _call(name: str, *arguments: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this=name, expressions=[a.copy() for a in arguments])


def _name_subquery(source: exp.From) -> exp.Expr:
    """Before Postgres 16, a query in `from` needs a name."""
    if isinstance(source.this, exp.Subquery) and not source.this.alias:
        source.this.set("alias", exp.TableAlias(this=exp.to_identifier("nameless")))
    return source


def _compare_binary(lateral: exp.Lateral) -> exp.Expr:
    """Give names of columns that became values the order of the texts in tables."""
    if isinstance(lateral.this.this, exp.Values):
        for text in list(lateral.find_all(exp.Literal)):
            if text.is_string:
                text.replace(
                    exp.Collate(this=text.copy(), expression=exp.to_identifier("C", quoted=True))
                )
    return lateral


def _list_struct(item: exp.Bracket) -> exp.Expr:
    """A struct without a type of its own cannot be taken apart: its numbers become an array."""
    if not item.expressions[0].is_string:
        return item
    struct = item.root().find(exp.Struct)
    names = [field.name for field in struct.expressions] if struct else []
    if item.expressions[0].name not in names:
        message = "only a struct that the same query makes is taken apart"
        raise UnsupportedError(message)
    number = exp.Literal.number(names.index(item.expressions[0].name))
    return exp.Bracket(this=item.this, expressions=[number])


def _make_array(struct: exp.Struct) -> exp.Expr:
    numbers = [field.expression.copy() for field in struct.expressions]
    return exp.cast(exp.Array(expressions=numbers), "double[]", dialect="duckdb")


def _take_first(least: exp.ArgMin) -> exp.Expr:
    value, key = least.this.sql(DIALECT), least.expression.sql(DIALECT)
    return parse_one(f"(array_agg({value} order by {key}))[1]", read=DIALECT)


def _round_double(rounded: exp.Round) -> exp.Expr:
    """round() to digits is of numeric alone."""
    if not rounded.args.get("decimals"):
        return rounded
    number = exp.cast(rounded.this.copy(), "numeric", dialect=DIALECT)
    return exp.cast(_call("round", number, rounded.args["decimals"]), "double", dialect="duckdb")


def _log_double(log: exp.Log) -> exp.Expr:
    """log() to a base is of numeric alone."""
    if not log.expression:
        return log
    return exp.Div(this=_call("ln", log.expression), expression=_call("ln", log.this), typed=True)


def _find_text(contains: exp.Contains) -> exp.Expr:
    place = _call("strpos", contains.this, contains.expression)
    return exp.GT(this=place, expression=exp.Literal.number(0))


def _map_to_json(pairs: exp.Map) -> exp.Expr:
    return _call("jsonb_object", pairs.args["keys"], pairs.args["values"])


def _cut_alias(alias: exp.Alias) -> exp.Expr:
    if len(alias.alias) > NAME_BYTES:
        alias.set("alias", exp.to_identifier(_cut(alias.alias), quoted=True))
    return alias


REWRITES: tuple[Rewrite, ...] = (
    (exp.From, _name_subquery),
    (exp.Lateral, _compare_binary),
    (exp.Bracket, _list_struct),
    (exp.Struct, _make_array),
    (exp.ArgMin, _take_first),
    (exp.Round, _round_double),
    (exp.Log, _log_double),
    (exp.Contains, _find_text),
    (exp.Map, _map_to_json),
    (exp.Alias, _cut_alias),
)
