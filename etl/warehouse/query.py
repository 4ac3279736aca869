"""SQL from outside: one statement that reads the warehouse and can reach nothing else.

Three walls, each enough for most attacks:
- the connection has no file and no network: the tables are copied into memory first, so that not
  even the table files are allowed, then external access is shut and the configuration locked;
- the statement is a query through and through, and its table functions are those of a short list
  (etl.warehouse.statement).
"""

from __future__ import annotations

import json
import logging
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import duckdb

from etl.model.errors import UserError
from etl.model.profile import load_profile
from etl.model.project import find_root
from etl.versions.dvc import SCHEME
from etl.warehouse.connect import VIEWS, comments, connect, literal, quoted
from etl.warehouse.limits import Budget, Limits, interruptible, remove_left_spill
from etl.warehouse.macros import FOLDER as MACROS
from etl.warehouse.own_ids import warn_of_misspelt_ids
from etl.warehouse.parts import allow_parts
from etl.warehouse.remote import find_sentence
from etl.warehouse.statement import NO_FILES, character_at, check, is_macro, place

_NAMED = re.compile(r'"+([^"]+)"|with name (\S+)')
_TABLE_AT = re.compile(r'Table with name "?([^"\s]+?)"? does not exist')
_FILE_AT = re.compile(r'Cannot access file "([^"]*)"')
_COLUMN_AT = re.compile(r'Referenced column "([^"]+)" not found')
_SUGGESTED = re.compile(r' Did you mean "(?:[^"]*\.)?([^".]+)"\?')
_TOO_LARGE = "Query: more than its memory and disk. Ask for less, or raise --memory or --spill."
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Result:
    """A query that was run: column names, and its rows, which can be taken once."""

    columns: tuple[str, ...]
    cursor: duckdb.DuckDBPyConnection
    explain: Callable[[Exception], str]
    budget: Budget

    def rows(self, size: int = 2048) -> Iterator[tuple[Any, ...]]:
        """Yield the rows, a block at a time; UserError where the query fails after the first."""
        while block := self._taken(lambda: self.cursor.fetchmany(size)):
            yield from block

    def arrow(self) -> Any:  # noqa: ANN401  pyarrow has no types
        """Return the rows as an Arrow table, with DuckDB's types."""
        with warnings.catch_warnings():
            # DuckDB prefers con.sql() for this, which runs no EXPLAIN; an extra copy does no harm.
            warnings.simplefilter("ignore", UserWarning)
            return self._taken(self.cursor.to_arrow_table)

    def _taken(self, work: Callable[[], _T]) -> _T:
        try:
            return interruptible(self.cursor, work, self.budget)
        except (duckdb.Error, ValueError, OverflowError) as error:
            raise UserError(self.explain(error)) from error


def run(  # noqa: PLR0913  what a person may say of a question
    sql: str,
    project: Path | str | None = None,
    *,
    rev: str | None = None,
    attach: Mapping[str, str] | None = None,
    tables: Mapping[str, object] | None = None,
    limits: Limits | None = None,
    remote: bool = False,
    prepare: Callable[[duckdb.DuckDBPyConnection], object] | None = None,
) -> Result:
    """Run one query from outside over the warehouse.

    Args:
        sql: one SELECT, PIVOT, UNPIVOT, DESCRIBE, SHOW or SUMMARIZE, or an EXPLAIN of such.
        project: a folder of the project (default: the current one).
        rev: the git revision to ask, as etl.connect takes it.
        attach: further versions by name, as etl.connect takes them.
        tables: the user's own tables, as etl.connect takes them.
        limits: of time, memory and disk.
        remote: read the tables of revisions where they lie, as etl.connect does.
        prepare: adds views to the connection before the query runs.

    Raises:
        UserError: the statement does more than read, is wrong (the message says where), or
            reaches a limit.
    """
    root = find_root(None if project is None else Path(project))
    limits = limits or Limits()
    connection = connect_restricted(
        root, tables, rev=rev, attach=attach, limits=limits, remote=remote
    )
    if prepare:
        prepare(connection)
    names = dict(attach or {}) if rev is None else {**(attach or {}), "main": rev}
    return execute(connection, sql, root, names, limits)


def connect_restricted(
    root: Path,
    tables: Mapping[str, object] | None = None,
    *,
    rev: str | None = None,
    attach: Mapping[str, str] | None = None,
    limits: Limits | None = None,
    remote: bool = False,
) -> duckdb.DuckDBPyConnection:
    """Return the warehouse without files, network, extensions, Python variables or settings."""
    connection = connect(root, rev=rev, attach=attach, tables=tables, remote=remote)
    for name in tables or {}:
        if warning := warn_of_misspelt_ids(connection, name, load_profile(root)):
            logging.getLogger(__name__).warning(warning)  # Python's own way to stderr
    _limit(connection, root, limits or Limits())
    for catalog in (*(attach or {}), "memory"):
        connection.execute(f"use {quoted(catalog)}")
        _copy_tables(connection, root)
    allow_parts(connection)
    connection.execute(
        "set errors_as_json = true; "
        "set autoinstall_known_extensions = false; set autoload_known_extensions = false; "
        "set allow_community_extensions = false; set python_enable_replacements = false; "
        "set python_scan_all_frames = false; set enable_external_access = false; "
        "set enable_progress_bar = false; set lock_configuration = true"
    )
    return connection


def _limit(connection: duckdb.DuckDBPyConnection, root: Path, limits: Limits) -> None:
    """Set memory, and disk in the project's scratch, from which dead queries' files are removed.

    Raises:
        UserError: a size that is none, or too small to hold anything.
    """
    scratch = root / ".dvc" / "tmp" / "ispy1"
    remove_left_spill(scratch)
    settings = {
        "temp_directory": ("--spill", str(scratch) if scratch.is_dir() else ""),
        "max_temp_directory_size": ("--spill", limits.spill_in(scratch)),
        "memory_limit": ("--memory", limits.memory),
    }
    for name, (option, value) in settings.items():
        try:
            connection.execute(f"set {name} = {literal(value)}")
        except (duckdb.Error, RuntimeError) as error:
            message = f"{option} {value}: expected a size such as 4GB or 500MB, not less than 10MB."
            raise UserError(message) from error


def _copy_tables(connection: duckdb.DuckDBPyConnection, root: Path) -> None:
    """Put the rows of the current catalog's table files into memory, in place of their views.

    Not of those in a remote, which are read as far as a query needs them.
    """
    tables = dict(
        connection.execute(
            "select view_name, comment from duckdb_views() where sql like '%read_parquet(%' "
            "and sql not like '%hive_types%' and not contains(sql, ?) "
            "and schema_name = 'main' and database_name = current_catalog() and not internal",
            [f"{SCHEME}://"],
        ).fetchall()
    )
    meanings: dict[str, dict[str, str]] = {name: {} for name in tables}
    for name, column, meaning in connection.execute(
        "select table_name, column_name, comment from duckdb_columns() "
        "where list_contains(?, table_name) and comment is not null and schema_name = 'main' "
        "and database_name = current_catalog()",
        [list(tables)],
    ).fetchall():
        meanings[name][column] = meaning
    script = [
        statement
        for name, comment in tables.items()
        for statement in (
            f"create table _copy as from {name}",
            f"drop view {name}",
            f"alter table _copy rename to {name}",
            *comments("table", name, comment, meanings[name]),
        )
    ]
    try:
        interruptible(connection, lambda: connection.execute(";\n".join(script) or "select 1"))
    except duckdb.OutOfMemoryException as error:
        raise UserError(_TOO_LARGE) from error
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
    limits: Limits | None = None,
) -> Result:
    """Run one query on a restricted connection.

    Args:
        connection: what restricted() made.
        sql: the query.
        root: the project.
        revisions: for errors: catalog to the revision in it, `main` where it is not today's.
        limits: their time; memory and disk are the connection's.

    Raises:
        UserError: as run().
    """

    def explain(error: Exception) -> str:
        return explain_error(connection, error, sql, root, revisions or {})

    budget = Budget((limits or Limits()).seconds)
    for path in (root / MACROS).glob("*.sql"):
        is_called = re.search(rf"\b{path.stem}\s*\(", sql, re.IGNORECASE)
        if is_called and not is_macro(connection, path.stem):
            raise UserError(f"Query: {explain_absence(path.stem, sql, revisions or {})}")
    try:
        check(connection, sql)
        cursor = interruptible(connection, lambda: connection.execute(sql), budget)
    except duckdb.Error as error:
        raise UserError(explain(error)) from error
    columns = tuple(column[0] for column in cursor.description or ())
    return Result(columns, cursor, explain, budget)


def explain_error(
    connection: duckdb.DuckDBPyConnection,
    error: Exception,
    sql: str,
    root: Path,
    revisions: Mapping[str, str],
) -> str:
    """Return one line for a person: where in the query, and what is wrong."""
    if isinstance(error, duckdb.OutOfMemoryException):
        return _TOO_LARGE
    text = str(error)
    if "'pytz'" in text:
        return "Query: a time with a zone is shown as text or without it: ::varchar, ::timestamp."
    try:
        facts = json.loads(text[text.index("{") :])
    except ValueError:
        return f"Query: {' '.join(text.split())}"
    message = str(facts.get("exception_message", text))
    if sentence := find_sentence(message):
        return sentence
    message = " ".join(message.split())
    at = _find_position(facts, message, sql)
    missing, file, column = (p.search(message) for p in (_TABLE_AT, _FILE_AT, _COLUMN_AT))
    if file or (missing and "/" in missing[1]):
        message = f"{(file or missing or [''])[1]} cannot be reached: {NO_FILES}."
    elif missing and is_macro(connection, missing[1]):
        message = f"{missing[1]} is a macro: give its parameters, as `ispy1 describe` has them."
    elif missing and is_unbuilt(missing[1], root):
        message = explain_absence(missing[1], sql, revisions)
    elif missing:
        message = _drop_internal_hint(connection, message)
    elif column:
        message = _add_quote_hint(message, column[1], sql)
    return f"Query{'' if at is None else f', {place(sql, at)}'}: {message}"


def _drop_internal_hint(connection: duckdb.DuckDBPyConnection, message: str) -> str:
    """Return the text without a hint to one of DuckDB's own tables."""
    suggested = _SUGGESTED.search(message)
    sql = "select 1 from duckdb_columns() where table_name = ? and not internal limit 1"
    if suggested and connection.execute(sql, [suggested[1]]).fetchone():
        return message
    return f"{_SUGGESTED.sub('', message)} `ispy1 describe` lists the tables."


def _add_quote_hint(message: str, name: str, sql: str) -> str:
    """Add a hint to quotes where the name stands behind a comparison."""
    compared = rf'([=<>]|\blike|\bin\s*\([^()]*)\s*"?{re.escape(name)}\b"?(?!\s*[.(])'
    if not re.search(compared, sql, re.IGNORECASE):
        return message
    # Of a name with capitals DuckDB's candidates are far: the tables' columns have none.
    head, candidates, tail = message.partition(" Candidate bindings")
    tail = candidates + tail if name == name.lower() else ""
    return f"{head} Text needs single quotes: '{name}'.{tail}"


def explain_absence(name: str, sql: str, revisions: Mapping[str, str]) -> str:
    """Return why a table or view that the design has is not there."""
    for catalog, revision in revisions.items():
        named = rf'"?\b{catalog}\b"?\s*\.\s*("?main"?\s*\.\s*)?"?{name}\b'
        if catalog == "main" or re.search(named, sql, re.IGNORECASE):
            return f"{revision} has no table or view {name}. `show all tables` lists those it has."
    return f"{name} is not built yet. Run `ispy1 repro`, or `dvc pull tables gate`."


def _find_position(facts: Mapping[str, Any], message: str, sql: str) -> int | None:
    """Return where DuckDB says the error is, else where the name that it speaks of first stands."""
    if facts.get("position") is not None:
        return character_at(sql, int(facts["position"]))
    named = _NAMED.search(message)
    at = sql.find(named[1] or named[2]) if named else -1
    return at if at >= 0 else None


def is_unbuilt(name: str, root: Path) -> bool:
    """Return whether the design has a table or view of this name (that the warehouse lacks)."""
    from etl.build.index import list_parts_tables

    texts = (root / folder / f"{name}.sql" for folder in (VIEWS, MACROS))
    module = Path(__file__).parents[1] / "tables" / f"{name}.py"
    return any(path.is_file() for path in (module, *texts)) or name in list_parts_tables()
