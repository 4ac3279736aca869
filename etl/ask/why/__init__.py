"""`ispy1 why`: one value, and everything that led to it.

A value of a table leads to its blobs, the code that read them, the contracts that judge it, and
the version that changed it last. A value of a view leads to the table columns behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from etl.ask.why import contracts, past
from etl.ask.why.model import Answer, Explanation, Match, Row, SourceFact
from etl.ask.why.origin import Warehouse, describe_recipe, find_blobs, find_input_file, read_blobs
from etl.ask.why.show import format_lines
from etl.ask.why.subject import Subject, find_rows, find_subject, select_rows
from etl.model.profile import load_profile
from etl.text.values import convert_for_json
from etl.warehouse import views
from etl.warehouse.connect import INPUTS_SCHEMA, connect, quoted
from etl.warehouse.lineage import Schema, Source, find_sources

__all__ = ["Answer", "Explanation", "as_json", "format_lines", "why"]

FEW = 4  # rows that are explained at once
MOST = 8  # values behind a value that are explained
_WHOLE = "the query of {} cannot be followed column by column"


@dataclass(frozen=True, slots=True)
class _Question:
    warehouse: Warehouse
    schema: Schema
    views: dict[str, str]
    frames: contracts.Frames
    history: bool
    progress: Callable[[int, int], None]


def why(
    root: Path,
    column: str,
    words: Sequence[str] = (),
    *,
    history: bool = False,
    offline: bool = False,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> Answer:
    """Explain one value.

    Args:
        root: the project.
        column: `masks.volume_cm3`: a column of any table, view or small input.
        words: the key: values of its columns, or `mask=ftv`. Where they fit several rows, a few
            are explained, many are listed.
        history: add the value at every tag.
        offline: ask no remote and fetch nothing.
        progress: called with versions read and versions to read.

    Raises:
        UserError: an unknown table, column or key.
    """
    profile = load_profile(root)
    connection = connect(root)
    subject = find_subject(connection, column)
    rows = find_rows(connection, subject, words, profile)
    if len(rows) > FEW or (len(rows) > 1 and not words):
        matches = tuple(
            Match({k: row[k] for k in subject.key}, row[subject.fact.name]) for row in rows
        )
        return Answer(subject.name, n_matches=len(rows), matches=matches)
    warehouse = Warehouse(root, profile, connection, read_blobs(connection), offline)
    queries = views.read_views(root / "sql" / "views", profile)
    schema = _read_schema(connection, queries)
    frames = cache(lambda suite: contracts.trace_frame(root, profile, suite, schema, queries))
    question = _Question(warehouse, schema, queries, frames, history, progress)
    return Answer(subject.name, tuple(_explain(question, subject, row) for row in rows), len(rows))


def as_json(answer: Answer) -> dict[str, Any]:
    """Return an answer for machines."""
    record: dict[str, Any] = convert_for_json(asdict(answer))
    return record


def _read_schema(connection: Any, queries: dict[str, str]) -> dict[str, dict[str, dict[str, str]]]:  # noqa: ANN401
    """Return schema -> table -> column -> type, of everything that is no view of the project."""
    types: dict[str, dict[str, dict[str, str]]] = {}
    for schema, table, column, kind in connection.execute(
        "select schema_name, table_name, column_name, data_type from duckdb_columns() "
        "where database_name = current_catalog() and not internal order by column_index"
    ).fetchall():
        if schema != "main" or table not in queries:
            types.setdefault(schema, {}).setdefault(table, {})[column] = kind
    return types


def _explain(question: _Question, subject: Subject, row: Row) -> Explanation:
    relation, fact = subject.relation, subject.fact
    base = Explanation(
        relation=relation.sql_name,
        kind=relation.kind,
        column=fact.name,
        key={name: row[name] for name in subject.key},
        value=row[fact.name],
        type=fact.type,
        unit=fact.unit,
        meaning=fact.meaning,
        grain=relation.grain,
    )
    if relation.schema == INPUTS_SCHEMA:
        return _explain_input(question, base)
    if relation.kind == "view":
        return _explain_view(question, base)
    return _explain_table(question, base, row)


def _explain_input(question: _Question, base: Explanation) -> Explanation:
    file = find_input_file(question.warehouse, base.relation.partition(".")[2])
    note = f"git keeps {file}: `git log -p -- {file}` shows every change"
    return replace(base, made_by=file, notes=(note,))


def _explain_table(question: _Question, base: Explanation, row: Row) -> Explanation:
    warehouse = question.warehouse
    table, column = base.relation, base.column
    blobs = tuple(find_blobs(warehouse, table, column, row))
    paths = tuple(blob.path for blob in blobs)
    trace = past.Trace(
        warehouse.root, table, column, base.key, paths, warehouse.offline, question.progress
    )
    recipe = describe_recipe(warehouse, table, column)
    judged = contracts.find_contracts(
        warehouse.root, warehouse.connection, question.frames, (table, column), row
    )
    return replace(
        base,
        made_by=recipe.made_by if recipe else "",
        blobs=blobs,
        recipe=recipe,
        contracts=tuple(judged),
        findings=tuple(contracts.find_findings(warehouse.connection, table, row)),
        changed=past.find_last_change(trace, base.value),
        history=past.list_table_moments(trace) if question.history else None,
        notes=() if blobs else ("no blob stands behind this row",),
    )


def _explain_view(question: _Question, base: Explanation) -> Explanation:
    sql = question.views[base.relation]
    columns = find_sources(base.column, sql, question.schema, question.views)
    notes = [] if columns is not None else [_WHOLE.format(base.relation)]
    facts: list[SourceFact] = []
    behind: dict[tuple[str, str, str], Explanation] = {}
    for source in columns or ():
        rows = _find_rows_behind(question, source, base.key)
        name = f"{source.table}.{source.column}"
        facts.append(SourceFact(name, dict(source.fixed), source.is_condition, len(rows)))
        if source.is_condition:
            continue
        if len(rows) > FEW or len(behind) >= MOST:
            notes.append(f"{name}: `ispy1 why {name}` explains each of its rows")
            continue
        for inner in _explain_rows(question, source, rows):
            behind.setdefault((inner.relation, inner.column, repr(inner.key)), inner)
    history = None
    if question.history:
        root = question.warehouse.root
        history = past.list_view_moments(root, base.relation, base.column, base.key)
    return replace(
        base,
        made_by=f"sql/views/{base.relation}.sql",
        sources=tuple(facts),
        behind=tuple(behind.values()),
        history=history,
        notes=tuple(notes),
    )


def _find_rows_behind(question: _Question, source: Source, key: Row) -> list[Row]:
    """Return the rows that go into a value: by what conditions fix, and by the view's key."""
    schema, _, name = source.table.rpartition(".")
    columns = question.schema[schema or "main"][name]
    chosen = {**source.fixed, **{k: v for k, v in key.items() if k in columns}}
    conditions = [f"{quoted(column)} is not distinct from ?" for column in chosen]
    return select_rows(
        question.warehouse.connection, source.table, conditions, list(chosen.values())
    )


def _explain_rows(question: _Question, source: Source, rows: list[Row]) -> Iterator[Explanation]:
    subject = find_subject(question.warehouse.connection, f"{source.table}.{source.column}")
    yield from (_explain(question, subject, row) for row in rows)
