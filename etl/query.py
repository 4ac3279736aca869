"""SQL from outside: one statement that reads the warehouse and can reach nothing else.

Three walls, each enough for most attacks:
- the connection has no file and no network: the tables are copied into memory first, so that not
  even the table files are allowed, then external access is shut and the configuration locked;
- the statement is parsed by DuckDB itself and must be a query through and through. The type of the
  statement is not enough: since DuckDB 2.0 `with a as (copy t to 'file') select 1` is a SELECT;
- table functions are those of a short list.
"""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from threading import Event, Thread
from typing import Any, TypeVar

import duckdb

from etl.errors import UserError
from etl.own_ids import misspelt_ids
from etl.profile import load_profile
from etl.project import find_root
from etl.store import remove_temporaries
from etl.warehouse import VIEWS, connect, literal, quoted

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
_NAMED = re.compile(r'"+([^"]+)"|with name (\S+)')
_TABLE_AT = re.compile(r'Table with name "?([^"\s]+?)"? does not exist')
_FILE_AT = re.compile(r'Cannot access file "([^"]*)"')
_COLUMN_AT = re.compile(r'Referenced column "([^"]+)" not found')
_SUGGESTED = re.compile(r' Did you mean "(?:[^"]*\.)?([^".]+)"\?')
_FILES = "a query reads tables and views only; bring a file of your own by --with NAME=FILE"
_T = TypeVar("_T")
GRACE = 7  # tenths of a second for an interrupted query to end
INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Result:
    """A query that was run: column names, and its rows, which can be taken once."""

    columns: tuple[str, ...]
    cursor: duckdb.DuckDBPyConnection
    explain: Callable[[Exception], str]

    def rows(self, size: int = 2048) -> Iterator[tuple[Any, ...]]:
        """The rows, a block at a time; UserError where the query fails after its first rows."""
        while block := self._taken(lambda: self.cursor.fetchmany(size)):
            yield from block

    def arrow(self) -> Any:  # noqa: ANN401  pyarrow has no types
        """The rows as an Arrow table, with DuckDB's types."""
        with warnings.catch_warnings():
            # DuckDB prefers con.sql() for this, which runs no EXPLAIN; an extra copy does no harm.
            warnings.simplefilter("ignore", UserWarning)
            return self._taken(self.cursor.to_arrow_table)

    def _taken(self, work: Callable[[], _T]) -> _T:
        try:
            return interruptible(self.cursor, work)
        except (duckdb.Error, ValueError, OverflowError) as error:
            raise UserError(self.explain(error)) from error


def interruptible(connection: duckdb.DuckDBPyConnection, work: Callable[[], _T]) -> _T:
    """Do work of a connection so that Ctrl-C ends it at once.

    DuckDB looks for a signal between its tasks only, one of which may take hours: so the work is
    done beside the main thread, which alone receives signals.

    Raises:
        KeyboardInterrupt: the work was interrupted, and has ended.
    """
    done: list[_T] = []
    failed: list[BaseException] = []
    ended = Event()  # an interrupted Thread.join() takes the thread for ended

    def try_work() -> None:
        try:
            done.append(work())
        except BaseException as error:  # noqa: BLE001  it is raised below
            failed.append(error)
        ended.set()

    Thread(target=try_work).start()
    try:
        ended.wait()
    except KeyboardInterrupt:
        end_at_once(connection, ended)
        raise
    if failed:
        raise failed[0]
    return done[0]


def end_at_once(connection: duckdb.DuckDBPyConnection, ended: Event) -> None:
    """Interrupt a query; where DuckDB does not listen (inside a regular expression), end here.

    Further Ctrl-C are of no use and must not stop this.
    """
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    for _ in range(GRACE):  # an interrupt before the query has begun is lost
        connection.interrupt()
        if ended.wait(0.1):
            signal.signal(signal.SIGINT, before)
            return
    remove_temporaries()
    os._exit(INTERRUPTED)


def run(
    sql: str,
    project: Path | str | None = None,
    *,
    rev: str | None = None,
    attach: Mapping[str, str] | None = None,
    tables: Mapping[str, object] | None = None,
) -> Result:
    """Run one query from outside over the warehouse.

    Args:
        sql: one SELECT, PIVOT, UNPIVOT, DESCRIBE, SHOW or SUMMARIZE, or an EXPLAIN of such.
        project: a folder of the project (default: the current one).
        rev: the git revision to ask, as etl.connect takes it.
        attach: further versions by name, as etl.connect takes them.
        tables: the user's own tables, as etl.connect takes them.

    Raises:
        UserError: the statement does more than read, or is wrong; the message says where.
    """
    root = find_root(None if project is None else Path(project))
    connection = restricted(root, tables, rev=rev, attach=attach)
    if "old" in (attach or {}) and "diff." in sql:  # the views cost half a second
        from etl.diff.views import add_views

        add_views(connection)
    names = dict(attach or {}) if rev is None else {**(attach or {}), "main": rev}
    return execute(connection, sql, root, names)


def restricted(
    root: Path,
    tables: Mapping[str, object] | None = None,
    *,
    rev: str | None = None,
    attach: Mapping[str, str] | None = None,
) -> duckdb.DuckDBPyConnection:
    """The warehouse without files, network, extensions, Python variables or further settings."""
    connection = connect(root, rev=rev, attach=attach, tables=tables)
    for name in tables or {}:
        if warning := misspelt_ids(connection, name, load_profile(root)):
            logging.getLogger(__name__).warning(warning)  # Python's own way to stderr
    for catalog in (*(attach or {}), "memory"):
        connection.execute(f"use {quoted(catalog)}")
        _copy_tables(connection, root)
    scratch = root / ".dvc" / "tmp" / "ispy1"
    spill = scratch if scratch.is_dir() else ""
    connection.execute(
        f"set temp_directory = {literal(str(spill))}; set errors_as_json = true; "
        "set autoinstall_known_extensions = false; set autoload_known_extensions = false; "
        "set allow_community_extensions = false; set python_enable_replacements = false; "
        "set python_scan_all_frames = false; set enable_external_access = false; "
        "set enable_progress_bar = false; set lock_configuration = true"
    )
    return connection


def _copy_tables(connection: duckdb.DuckDBPyConnection, root: Path) -> None:
    """Put the rows of the current catalog's table files into memory, in place of their views."""
    comments = dict(
        connection.execute(
            "select view_name, comment from duckdb_views() where sql like '%read_parquet(%' "
            "and schema_name = 'main' and database_name = current_catalog() and not internal"
        ).fetchall()
    )
    columns = connection.execute(
        "select table_name, column_name, comment from duckdb_columns() "
        "where list_contains(?, table_name) and comment is not null and schema_name = 'main' "
        "and database_name = current_catalog()",
        [list(comments)],
    ).fetchall()
    script = [
        statement
        for name in comments
        for statement in (
            f"create table _copy as from {name}",
            f"drop view {name}",
            f"alter table _copy rename to {name}",
            f"comment on table {name} is {literal(comments[name])}",
        )
    ]
    script += [
        f"comment on column {name}.{quoted(column)} is {literal(meaning)}"
        for name, column, meaning in columns
    ]
    try:
        interruptible(connection, lambda: connection.execute(";\n".join(script) or "select 1"))
    except duckdb.Error as error:
        message = (
            f"{root / 'data/tables'}: a table file cannot be read ({' '.join(str(error).split())})."
            " Run `ispy1 repro --force`, or `dvc checkout`."
        )
        raise UserError(message) from error


def execute(
    connection: duckdb.DuckDBPyConnection,
    sql: str,
    root: Path,
    revisions: Mapping[str, str] | None = None,
) -> Result:
    """Run one query on a restricted connection.

    Args:
        connection: what restricted() made.
        sql: the query.
        root: the project.
        revisions: for errors: catalog to the revision in it, `main` where it is not today's.

    Raises:
        UserError: as run().
    """

    def explain(error: Exception) -> str:
        return explain_error(connection, error, sql, root, revisions or {})

    try:
        check(connection, sql)
        cursor = interruptible(connection, lambda: connection.execute(sql))
    except duckdb.Error as error:
        raise UserError(explain(error)) from error
    return Result(tuple(column[0] for column in cursor.description or ()), cursor, explain)


def check(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Refuse everything but one query.

    Raises:
        UserError: several statements, none, or one that does more than read.
        duckdb.Error: it cannot be parsed.
    """
    statements = connection.extract_statements(sql)
    if len(statements) != 1:
        what = "is empty" if not statements else f"holds {len(statements)} statements"
        message = f"The query {what}; give one."
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
        first, word = next(_words(sql), (0, kind))
        said = kind if word.lower() == "with" else word.upper()
        raise UserError(_refusal(sql, first, f"{said} is not allowed: the warehouse is read-only"))


def _check_explained(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    start = next((start for start, _ in _words(sql)), 0)
    match = _EXPLAIN.match(sql, start)
    if match is None:
        raise UserError(_refusal(sql, start, "only EXPLAIN or EXPLAIN ANALYZE of a query"))
    # Blanks in the place of `explain` keep every position of an error message right.
    check(connection, re.sub(r"\S", " ", sql[: match.end()]) + sql[match.end() :])


def _check_tree(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    row = connection.execute("select json_serialize_sql(?)", [sql]).fetchone()
    tree = json.loads(row[0]) if row else {"error": True}
    if tree["error"]:
        raise UserError(_refusal(sql, 0, "this statement cannot be checked: write it as a SELECT"))
    for node in _nodes(tree):
        kind = node.get("type")
        if isinstance(kind, str) and kind.endswith("_NODE") and kind not in QUERY_NODES:
            word = kind.split("_")[0].lower()
            at = next((start for start, text in _words(sql) if text.lower() == word), 0)
            raise UserError(_refusal(sql, at, f"{word} is not allowed: the warehouse is read-only"))
        if kind == "TABLE_FUNCTION":
            _check_function(sql, str(node["function"]["function_name"]), node["query_location"])


def _check_function(sql: str, name: str, at: int) -> None:
    if name.lower() not in TABLE_FUNCTIONS:
        raise UserError(_refusal(sql, _character(sql, at), f"{name}() is not allowed: {_FILES}"))


def _nodes(tree: object) -> Iterator[dict[str, Any]]:
    """Every object of a JSON tree."""
    stack = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            yield node
            stack.extend(node.values())
        elif isinstance(node, list):
            stack.extend(node)


def _check_words(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """For `pivot ... on x` without a list of values, which DuckDB turns into two statements."""
    words = list(_words(sql))
    if not words or words[0][1].lower() not in {"pivot", "from", "with", "explain", "("}:
        raise UserError(_refusal(sql, 0, "only queries are allowed"))
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
            raise UserError(_refusal(sql, start, f"{name} is not allowed in a pivot"))
        if following == "(" and name in tables:
            _check_function(sql, name, len(sql[:start].encode()))


def _words(sql: str) -> Iterator[tuple[int, str]]:
    """Position and text of every token but comments."""
    data = sql.encode()
    tokens = [*duckdb.tokenize(sql), (len(data), None)]
    for (start, kind), (end, _) in pairwise(tokens):
        text = data[start:end].decode(errors="replace").strip()
        if kind is not duckdb.token_type.comment and text:
            yield _character(sql, start), text


def _character(sql: str, byte: int) -> int:
    """The character that holds a byte of the text; 0 where the position is unknown."""
    data = sql.encode()
    return len(data[:byte].decode(errors="ignore")) if 0 <= byte <= len(data) else 0


def place(sql: str, character: int) -> str:
    """`line 2, column 8`."""
    before = sql[:character]
    return f"line {before.count(chr(10)) + 1}, column {character - before.rfind(chr(10))}"


def _refusal(sql: str, character: int, reason: str) -> str:
    return f"Query, {place(sql, character)}: {reason}."


def explain_error(
    connection: duckdb.DuckDBPyConnection,
    error: Exception,
    sql: str,
    root: Path,
    revisions: Mapping[str, str],
) -> str:
    """One line for a person: where in the query, and what is wrong."""
    text = str(error)
    try:
        facts = json.loads(text[text.index("{") :])
    except ValueError:
        return f"Query: {' '.join(text.split())}"
    said = " ".join(str(facts.get("exception_message", text)).split())
    at = _position(facts, said, sql)
    missing, file, column = (p.search(said) for p in (_TABLE_AT, _FILE_AT, _COLUMN_AT))
    if file or (missing and "/" in missing[1]):
        said = f"{(file or missing or [''])[1]} cannot be reached: {_FILES}."
    elif missing and is_unbuilt(missing[1], root):
        said = absent(missing[1], sql, revisions)
    elif missing:
        said = _without_internals(connection, said)
    elif column:
        said = _column_hint(said, column[1], sql)
    return f"Query{'' if at is None else f', {place(sql, at)}'}: {said}"


def _without_internals(connection: duckdb.DuckDBPyConnection, said: str) -> str:
    """Without a hint to one of DuckDB's own tables."""
    suggested = _SUGGESTED.search(said)
    own = "select 1 from duckdb_columns() where table_name = ? and not internal limit 1"
    if suggested and connection.execute(own, [suggested[1]]).fetchone():
        return said
    return f"{_SUGGESTED.sub('', said)} `ispy1 describe` lists the tables."


def _column_hint(said: str, name: str, sql: str) -> str:
    """With a hint to quotes where the name stands behind a comparison."""
    compared = rf'([=<>]|\blike|\bin\s*\([^()]*)\s*"?{re.escape(name)}\b"?(?!\s*[.(])'
    if not re.search(compared, sql, re.IGNORECASE):
        return said
    # Of a name with capitals DuckDB's candidates are far: the tables' columns have none.
    head, candidates, tail = said.partition(" Candidate bindings")
    tail = candidates + tail if name == name.lower() else ""
    return f"{head} Text needs single quotes: '{name}'.{tail}"


def absent(name: str, sql: str, revisions: Mapping[str, str]) -> str:
    """Why a table or view that the design has is not there."""
    for catalog, revision in revisions.items():
        named = rf'"?\b{catalog}\b"?\s*\.\s*("?main"?\s*\.\s*)?"?{name}\b'
        if catalog == "main" or re.search(named, sql, re.IGNORECASE):
            return f"{revision} has no table or view {name}. `show all tables` lists those it has."
    return f"{name} is not built yet. Run `ispy1 repro`, or `dvc pull table`."


def _position(facts: Mapping[str, Any], said: str, sql: str) -> int | None:
    """Where DuckDB says the error is, else where the name that it speaks of first stands."""
    if facts.get("position") is not None:
        return _character(sql, int(facts["position"]))
    named = _NAMED.search(said)
    at = sql.find(named[1] or named[2]) if named else -1
    return at if at >= 0 else None


def is_unbuilt(name: str, root: Path) -> bool:
    """Whether the design has a table or view of this name (that the warehouse lacks)."""
    tables = Path(__file__).parent / "tables"
    return (tables / f"{name}.py").is_file() or (root / VIEWS / f"{name}.sql").is_file()
