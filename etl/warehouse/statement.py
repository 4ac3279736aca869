"""One statement from outside: parsed by DuckDB itself, it must be a query through and through.

The type of the statement is not enough: since DuckDB 2.0 `with a as (copy t to 'file') select 1`
is a SELECT.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import duckdb

from etl.model.errors import UserError

# A query is made of these; INSERT_QUERY_NODE, COPY_QUERY_NODE and whatever comes are not here.
QUERY_NODES = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"})
TABLE_FUNCTIONS = frozenset(
    {
        *("range", "generate_series", "unnest", "repeat", "repeat_row", "json_each", "json_tree"),
        *("duckdb_columns", "duckdb_functions", "duckdb_schemas", "duckdb_tables", "duckdb_types"),
        *("duckdb_views", "duckdb_keywords", "pragma_table_info", "pragma_version"),
    }
)
# Words that a pivot without a list of values may not hold (DuckDB cannot show its parse).
_WRITING = frozenset({"copy", "insert", "update", "delete", "merge", "truncate"})
_EXPLAIN = re.compile(r"\s*explain(\s+analyze)?(\s*\([^()]*\))?(?=\s)", re.IGNORECASE)
NO_FILES = "a query reads tables and views only; bring a file of your own by --with NAME=FILE"


def check(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Refuse everything but one query.

    Raises:
        UserError: several statements, none, or one that does more than read.
        duckdb.Error: it cannot be parsed.
    """
    statements = connection.extract_statements(sql)
    if len(statements) != 1:
        number = "is empty" if not statements else f"holds {len(statements)} statements"
        message = f"The query {number}; give one."
        raise UserError(message)
    try:
        kind = statements[0].type.name
    except ValueError:  # `update extensions`: a kind that the client does not know
        kind = "This statement"
    if kind == "EXPLAIN":
        _check_explained(connection, sql)
    elif kind == "MULTI":
        _check_words(connection, sql)
    elif kind == "SELECT":
        _check_tree(connection, sql)
    else:
        first, word = next(_split_words(sql), (0, kind))
        word_shown = kind if word.lower() == "with" else word.upper()
        raise UserError(
            _refuse(sql, first, f"{word_shown} is not allowed: the warehouse is read-only")
        )


def _check_explained(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    start = next((start for start, _ in _split_words(sql)), 0)
    match = _EXPLAIN.match(sql, start)
    if match is None:
        raise UserError(_refuse(sql, start, "only EXPLAIN or EXPLAIN ANALYZE of a query"))
    # Blanks in the place of `explain` keep every position of an error message right.
    check(connection, re.sub(r"\S", " ", sql[: match.end()]) + sql[match.end() :])


def _check_tree(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    row = connection.execute("select json_serialize_sql(?)", [sql]).fetchone()
    tree = json.loads(row[0]) if row else {"error": True}
    if tree["error"]:
        raise UserError(_refuse(sql, 0, "this statement cannot be checked: write it as a SELECT"))
    for node in _walk_nodes(tree):
        kind = node.get("type")
        if isinstance(kind, str) and kind.endswith("_NODE") and kind not in QUERY_NODES:
            word = kind.split("_")[0].lower()
            at = next((start for start, text in _split_words(sql) if text.lower() == word), 0)
            raise UserError(_refuse(sql, at, f"{word} is not allowed: the warehouse is read-only"))
        if kind == "TABLE_FUNCTION":
            name = str(node["function"]["function_name"])
            _check_function(connection, sql, name, node["query_location"])
        if kind == "BASE_TABLE" and "/" in str(node["table_name"]):
            at = character_at(sql, node["query_location"])
            raise UserError(_refuse(sql, at, f"{node['table_name']} cannot be reached: {NO_FILES}"))


def _check_function(connection: duckdb.DuckDBPyConnection, sql: str, name: str, at: int) -> None:
    """Refuse a table function that is neither of the list nor a macro of the warehouse."""
    if name.lower() not in TABLE_FUNCTIONS and not is_macro(connection, name):
        raise UserError(_refuse(sql, character_at(sql, at), f"{name}() is not allowed: {NO_FILES}"))


def is_macro(connection: duckdb.DuckDBPyConnection, name: str) -> bool:
    """Return whether the warehouse has a table macro of this name."""
    row = connection.execute(
        "select 1 from duckdb_functions() where function_name = lower(?) "
        "and function_type = 'table_macro' and not internal",
        [name],
    ).fetchone()
    return row is not None


def _walk_nodes(tree: object) -> Iterator[dict[str, Any]]:
    """Yield every object of a JSON tree."""
    stack = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            yield node
            stack.extend(node.values())
        elif isinstance(node, list):
            stack.extend(node)


def _check_words(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Refuse `pivot ... on x` without values, which DuckDB turns into two statements."""
    words = list(_split_words(sql))
    if not words or words[0][1].lower() not in {"pivot", "from", "with", "explain", "("}:
        raise UserError(_refuse(sql, 0, "only queries are allowed"))
    tables = {
        name
        for (name,) in connection.execute(
            "select distinct function_name from duckdb_functions() "
            "where function_type like 'table%'"
        ).fetchall()
    }
    for (start, text), (_, following) in zip(words, [*words[1:], (0, "")], strict=True):
        name = text.strip('"').lower()
        if name in _WRITING:
            raise UserError(_refuse(sql, start, f"{name} is not allowed in a pivot"))
        if following == "(" and name in tables:
            _check_function(connection, sql, name, len(sql[:start].encode()))


def _split_words(sql: str) -> Iterator[tuple[int, str]]:
    """Yield position and text of every token but comments."""
    data = sql.encode()
    tokens = [*duckdb.tokenize(sql), (len(data), None)]
    for (start, kind), (end, _) in pairwise(tokens):
        text = data[start:end].decode(errors="replace").strip()
        if kind is not duckdb.token_type.comment and text:
            yield character_at(sql, start), text


def character_at(sql: str, byte: int) -> int:
    """Return the character that holds a byte of the text; 0 where the position is unknown."""
    data = sql.encode()
    return len(data[:byte].decode(errors="ignore")) if 0 <= byte <= len(data) else 0


def place(sql: str, character: int) -> str:
    """Return `line 2, column 8`."""
    before = sql[:character]
    return f"line {before.count(chr(10)) + 1}, column {character - before.rfind(chr(10))}"


def _refuse(sql: str, character: int, reason: str) -> str:
    return f"Query, {place(sql, character)}: {reason}."
