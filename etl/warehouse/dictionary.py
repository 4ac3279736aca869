"""What the tables and views mean, read back from the comments in the warehouse."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import duckdb

from etl.model.errors import UserError
from etl.warehouse.macros import COLUMNS, PARAMETERS
from etl.warehouse.query import explain_absence, is_unbuilt
from etl.warehouse.sql_words import quoted
from etl.warehouse.views import EVERY_OTHER, parse_meanings, split_unit

_COMMENT = re.compile(
    r"(?P<purpose>.*?) ?Grain: (?P<grain>.*?)\.(?: Key: (?P<key>.*)\.)?", re.DOTALL
)
_RELATIONS = """
select
    schema_name, table_name, comment,
    case when schema_name = 'main' then 'table' else 'input' end as kind
from duckdb_tables() where not internal and database_name = current_catalog()
union all
select
    schema_name, view_name, comment,
    case when sql like '%read_parquet(%' then 'table' else 'view' end as kind
from duckdb_views() where not internal and database_name = current_catalog()
union all
select
    schema_name, function_name, comment, 'macro'
from duckdb_functions()
where function_type = 'table_macro' and not internal and database_name = current_catalog()
order by kind = 'input', kind = 'macro', kind = 'view', 1, 2
"""
_MACRO = """
select comment from duckdb_functions()
where function_name = ? and function_type = 'table_macro' and database_name = current_catalog()
"""
_COLUMNS = """
select schema_name, table_name, column_name, data_type, comment from duckdb_columns()
where database_name = current_catalog()
and schema_name = coalesce(?, schema_name) and table_name = coalesce(?, table_name)
order by column_index
"""


@dataclass(frozen=True, slots=True)
class ColumnFact:
    """One column: type, meaning and unit."""

    name: str
    type: str
    meaning: str
    unit: str


@dataclass(frozen=True, slots=True)
class Relation:
    """One table, view or small input: what one row is, and its key."""

    schema: str
    name: str
    kind: str
    purpose: str
    grain: str
    key: str
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def plain_name(self) -> str:
        """The name, with its schema where that is no table's own."""
        return self.name if self.schema == "main" else f"{self.schema}.{self.name}"

    @property
    def sql_name(self) -> str:
        """The name as a query writes it."""
        is_macro = self.kind == "macro"
        return f"{self.plain_name}({', '.join(self.parameters)})" if is_macro else self.plain_name

    @property
    def quoted_name(self) -> str:
        """The name with its schema, as SQL takes any name."""
        return f"{quoted(self.schema)}.{quoted(self.name)}"

    @property
    def key_columns(self) -> tuple[str, ...]:
        """The columns of the key."""
        return tuple(self.key.split(", ")) if self.key else ()


def list_relations(connection: duckdb.DuckDBPyConnection) -> list[Relation]:
    """Return every table, view and macro, then the small inputs, by name."""
    return [_make_relation(*row) for row in connection.execute(_RELATIONS).fetchall()]


def _make_relation(schema: str, name: str, comment: str | None, kind: str) -> Relation:
    about, _, lists = (comment or "").partition(PARAMETERS)
    parameters = parse_meanings(name, lists.partition(COLUMNS)[0].splitlines())
    match = _COMMENT.fullmatch(about)
    purpose, grain, key = match.group("purpose", "grain", "key") if match else ("", "", "")
    return Relation(schema, name, kind, purpose, grain, key or "", parameters)


def find(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    root: Path | None = None,
    rev: str | None = None,
) -> Relation:
    """Return the relation of this name; the small inputs go by their name alone, too.

    Args:
        connection: the warehouse.
        name: of a table, view or small input.
        root: for errors: the project, whose design tells what is only not built yet.
        rev: for errors: the revision in the connection, None for the working tree.

    Raises:
        UserError: there is none.
    """
    all_relations = list_relations(connection)
    for relation in all_relations:
        if name in (relation.sql_name, relation.name):
            return relation
    if root and is_unbuilt(name, root):
        raise UserError(explain_absence(name, name, {"main": rev} if rev else {}))
    near = get_close_matches(name, [r.sql_name for r in all_relations], 1)
    hint = f" Did you mean {near[0]}?" if near else ""
    message = f"{name}: no table or view of this name is built.{hint} `ispy1 describe` lists them."
    raise UserError(message)


def columns(connection: duckdb.DuckDBPyConnection, relation: Relation) -> list[ColumnFact]:
    """Return the columns of a relation in order."""
    if relation.kind == "macro":
        return _list_macro_columns(connection, relation)
    by_name = _read_columns(connection, relation.schema, relation.name)
    return by_name.get((relation.schema, relation.name), [])


def _read_columns(
    connection: duckdb.DuckDBPyConnection, schema: str | None = None, name: str | None = None
) -> dict[tuple[str, str], list[ColumnFact]]:
    """Return the columns of one table or view, or of all, by schema and name."""
    by_name: dict[tuple[str, str], list[ColumnFact]] = {}
    for *key, column, kind, comment in connection.execute(_COLUMNS, [schema, name]).fetchall():
        fact = ColumnFact(column, kind.lower(), *split_unit(comment or ""))
        by_name.setdefault((key[0], key[1]), []).append(fact)
    return by_name


def list_facts(connection: duckdb.DuckDBPyConnection, relation: Relation) -> list[ColumnFact]:
    """Return the parameters of a macro, whose type is `parameter`, then the columns."""
    parameters = relation.parameters.items()
    return [
        *(ColumnFact(name, "parameter", *split_unit(meaning)) for name, meaning in parameters),
        *columns(connection, relation),
    ]


def list_all_facts(
    connection: duckdb.DuckDBPyConnection,
) -> Iterator[tuple[Relation, list[ColumnFact]]]:
    """Yield every relation with what list_facts() has of it: one query for all but the macros."""
    by_name = _read_columns(connection)
    for relation in list_relations(connection):
        of_macro = list_facts(connection, relation) if relation.kind == "macro" else []
        yield relation, by_name.get((relation.schema, relation.name), of_macro)


def _list_macro_columns(
    connection: duckdb.DuckDBPyConnection, relation: Relation
) -> list[ColumnFact]:
    nulls = ", ".join("null" for _ in relation.parameters)
    rows = connection.execute(f"describe from {quoted(relation.name)}({nulls})").fetchall()
    comment = connection.execute(_MACRO, [relation.name]).fetchone()
    lists = str(comment[0]).partition(COLUMNS)[2] if comment else ""
    meanings = parse_meanings(relation.name, lists.splitlines())
    meaning = meanings.get(EVERY_OTHER, "")
    return [ColumnFact(name, kind.lower(), *split_unit(meanings.get(name, meaning)))
            for name, kind, *_ in rows]  # fmt: skip


def as_json(connection: duckdb.DuckDBPyConnection, relation: Relation) -> dict[str, Any]:
    """Return a relation with its parameters and columns, for machines."""
    facts = [asdict(fact) for fact in list_facts(connection, relation)]
    at = len(relation.parameters)
    return {**asdict(relation), "parameters": facts[:at], "columns": facts[at:]}


def markdown(connection: duckdb.DuckDBPyConnection) -> Iterator[str]:
    """Yield the data dictionary as one document, a line at a time."""
    yield "# Data dictionary"
    for relation, facts in list_all_facts(connection):
        yield ""
        yield f"## {relation.sql_name} ({relation.kind})"
        yield ""
        yield from (text for text in (relation.purpose, "") if relation.purpose)
        key = f" Key: {relation.key}." if relation.key else ""
        yield f"{relation.grain}.{key}"
        yield ""
        yield "| column | type | unit | meaning |"
        yield "|---|---|---|---|"
        for column in facts:
            meaning = column.meaning.replace("|", "\\|")
            yield f"| {column.name} | {column.type} | {column.unit} | {meaning} |"


def rows(connection: duckdb.DuckDBPyConnection) -> Iterator[tuple[str, ...]]:
    """Yield the data dictionary as rows: table, kind, column, type, unit, meaning."""
    for relation, facts in list_all_facts(connection):
        for c in facts:
            yield (relation.sql_name, relation.kind, c.name, c.type, c.unit, c.meaning)


ROW_COLUMNS = ("table", "kind", "column", "type", "unit", "meaning")
