"""What a question is about: the table, the column, and the row that the words name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import duckdb

from etl.ask.why.model import Row
from etl.model.errors import UserError
from etl.model.profile import Profile
from etl.warehouse import dictionary
from etl.warehouse.connect import fetch_rows, quoted


@dataclass(frozen=True, slots=True)
class Subject:
    """A column of a table, view or small input."""

    relation: dictionary.Relation
    fact: dictionary.ColumnFact
    columns: tuple[dictionary.ColumnFact, ...]

    @property
    def name(self) -> str:
        """`masks.volume_cm3`."""
        return f"{self.relation.sql_name}.{self.fact.name}"

    @property
    def key(self) -> tuple[str, ...]:
        """The key's columns; every plain column where none is declared."""
        declared = self.relation.key_columns
        return declared or tuple(c.name for c in self.columns if not c.type.endswith("[]"))


def find_subject(connection: duckdb.DuckDBPyConnection, text: str) -> Subject:
    """Find the column that `masks.volume_cm3` names.

    Raises:
        UserError: no such table or column; the nearest names are said.
    """
    table, _, column = text.rpartition(".")
    if not table:
        names = {relation.sql_name for relation in dictionary.list_relations(connection)}
        example = f"{text if text in names else 'masks'}.COLUMN"
        message = (
            f"{text}: give a table and a column, such as {example}. `ispy1 describe` lists them."
        )
        raise UserError(message)
    relation = dictionary.find(connection, table)
    if relation.kind == "macro":
        message = f"{text}: {table} is a macro, and its rows depend on its parameters. Ask for a "
        message += "column of what it reads; `ispy1 describe` lists tables and views."
        raise UserError(message)
    columns = tuple(dictionary.columns(connection, relation))
    for fact in columns:
        if fact.name == column:
            return Subject(relation, fact, columns)
    near = get_close_matches(column, [c.name for c in columns], 3, 0.5)
    hint = f"Did you mean {' or '.join(near)}?" if near else f"`ispy1 describe {table}` lists them."
    message = f"{text}: {relation.sql_name} has no column {column}. {hint}"
    raise UserError(message)


def find_rows(
    connection: duckdb.DuckDBPyConnection, subject: Subject, words: Sequence[str], profile: Profile
) -> list[Row]:
    """Return the rows that the words name, as dicts; all rows without a word.

    A word is `column=value`, or the value of a key column: of the first that has it.

    Raises:
        UserError: a word names no row; the nearest values are said.
    """
    conditions: list[str] = []
    values: list[str] = []
    free = list(subject.key)
    for word in words:
        column, value = _resolve_word(connection, subject, word, free, profile)
        conditions.append(f"{quoted(column)}::varchar = ?")
        values.append(value)
        free = [name for name in free if name != column]
    rows = select_rows(connection, subject.relation.sql_name, conditions, values)
    if not rows:
        raise UserError(_describe_no_row(subject, words))
    return rows


def _describe_no_row(subject: Subject, words: Sequence[str]) -> str:
    if not words:
        return f"{subject.relation.sql_name}: holds no row. `ispy1 status` says what is built."
    begin = f"`ispy1 why {subject.name} {words[0]}`" if words[1:] else f"`ispy1 why {subject.name}`"
    return f"{subject.name}: no row has the key {', '.join(words)}. {begin} lists what there is."


def select_rows(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    conditions: Sequence[str],
    values: Sequence[Any],
) -> list[Row]:
    """Return the rows of a table for which conditions hold, as dicts."""
    schema, _, name = table.rpartition(".")
    source = f"{quoted(schema or 'main')}.{quoted(name)}"
    where = f" where {' and '.join(conditions)}" if conditions else ""
    return fetch_rows(connection.execute(f"select * from {source}{where}", list(values)))  # noqa: S608  names are quoted


def _resolve_word(
    connection: duckdb.DuckDBPyConnection,
    subject: Subject,
    word: str,
    free: Sequence[str],
    profile: Profile,
) -> tuple[str, str]:
    """Return the column and the value that a word means."""
    name, sign, value = word.partition("=")
    names = [column.name for column in subject.columns]
    if sign and name in names:
        return name, _spell_value(name, value, profile)
    if sign and name.isidentifier():
        near = get_close_matches(name, names, 1) or subject.key
        message = (
            f"{word}: {subject.relation.sql_name} has no column {name}; the key is {near[0]}=."
        )
        raise UserError(message)
    for column in free:
        spelled = _spell_value(column, word, profile)
        if select_rows(connection, subject.relation.sql_name,
                      [f"{quoted(column)}::varchar = ?"], [spelled]):  # fmt: skip
            return column, spelled
    raise UserError(_describe_unknown(connection, subject, word, free))


def _spell_value(column: str, value: str, profile: Profile) -> str:
    """Return a case id in its one spelling, any other value as it is."""
    return (profile.case_id(value) or value) if column == "case_id" else value


def _describe_unknown(
    connection: duckdb.DuckDBPyConnection, subject: Subject, word: str, free: Sequence[str]
) -> str:
    rows = select_rows(connection, subject.relation.sql_name, (), ())
    values = sorted({str(row[column]) for row in rows for column in free})
    near = get_close_matches(word, values, 3, 0.4)
    hint = f"the nearest: {', '.join(near)}" if near else f"there are {', '.join(values[:5])}"
    if not free:
        key = ", ".join(subject.key)
        return f"{word}: the key of {subject.relation.sql_name} is {key}; it has no further part."
    columns = " or ".join(free)
    rest = f"; {hint}" if values else ""
    return f"{word}: no {columns} of {subject.relation.sql_name} has this value{rest}."
