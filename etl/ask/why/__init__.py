"""`ispy1 why`: one value, and everything that led to it.

A value of a table leads to its blobs, the code that read them, the contracts that judge it, and
the version that changed it last. A value of a view leads to the table columns behind it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from etl.ask.why import contracts, past
from etl.ask.why.model import Answer, Explanation, Match, Moment, Row, SourceFact
from etl.ask.why.origin import Place, blobs_behind, file_of_input, known_blobs, recipe_of
from etl.ask.why.show import lines
from etl.ask.why.subject import Subject, find_rows, find_subject, rows_where
from etl.model.profile import load_profile
from etl.text import output
from etl.warehouse import views
from etl.warehouse.connect import INPUTS_SCHEMA, connect, quoted
from etl.warehouse.lineage import Schema, Source, find_sources

__all__ = ["Answer", "Explanation", "as_json", "lines", "why"]

FEW = 4  # rows that are explained at once
MOST = 8  # values behind a value that are explained
_WHOLE = "the query of {} cannot be followed column by column"


@dataclass(frozen=True, slots=True)
class _Question:
    place: Place
    schema: Schema
    views: dict[str, str]
    frames: contracts.Frames
    history: bool


def why(
    root: Path,
    column: str,
    words: Sequence[str] = (),
    *,
    history: bool = False,
    offline: bool = False,
) -> Answer:
    """Explain one value.

    Args:
        root: the project.
        column: `masks.volume_cm3`: a column of any table, view or small input.
        words: the key: values of its columns, or `mask=ftv`. Where they fit several rows, a few
            are explained, many are listed.
        history: add the value at every tag.
        offline: ask no remote and fetch nothing.

    Raises:
        UserError: an unknown table, column or key.
    """
    profile = load_profile(root)
    connection = connect(root)
    subject = find_subject(connection, column)
    rows = find_rows(connection, subject, words, profile)
    if len(rows) > FEW or (len(rows) > 1 and not words):
        found = tuple(
            Match({k: row[k] for k in subject.key}, row[subject.fact.name]) for row in rows
        )
        return Answer(subject.name, n_matches=len(rows), matches=found)
    place = Place(root, profile, connection, known_blobs(connection), offline)
    own = views.read_views(root / "sql" / "views", profile)
    schema = _schema(connection, own)
    frames = cache(lambda suite: contracts.frame(place, suite, schema, own))
    question = _Question(place, schema, own, frames, history)
    return Answer(subject.name, tuple(_explain(question, subject, row) for row in rows), len(rows))


def as_json(answer: Answer) -> dict[str, Any]:
    """An answer for machines."""
    found: dict[str, Any] = output.plain(asdict(answer))
    return found


def _schema(connection: Any, own: dict[str, str]) -> dict[str, dict[str, dict[str, str]]]:  # noqa: ANN401
    """Schema -> table -> column -> type, of everything that is no view of the project."""
    found: dict[str, dict[str, dict[str, str]]] = {}
    for schema, table, column, kind in connection.execute(
        "select schema_name, table_name, column_name, data_type from duckdb_columns() "
        "where database_name = current_catalog() and not internal order by column_index"
    ).fetchall():
        if schema != "main" or table not in own:
            found.setdefault(schema, {}).setdefault(table, {})[column] = kind
    return found


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
        return _of_input(question, base)
    if relation.kind == "view":
        return _of_view(question, base)
    return _of_table(question, base, row)


def _of_input(question: _Question, base: Explanation) -> Explanation:
    file = file_of_input(question.place, base.relation.partition(".")[2])
    note = f"git keeps {file}: `git log -p -- {file}` shows every change"
    return replace(base, made_by=file, notes=(note,))


def _of_table(question: _Question, base: Explanation, row: Row) -> Explanation:
    place = question.place
    table, column = base.relation, base.column
    blobs = tuple(blobs_behind(place, table, column, row))
    paths = tuple(blob.path for blob in blobs)
    trace = past.Trace(place.root, table, column, base.key, paths, place.offline)
    recipe = recipe_of(place, table, column)
    judged = contracts.touching(place.root, place.connection, question.frames, (table, column), row)
    return replace(
        base,
        made_by=recipe.made_by if recipe else "",
        blobs=blobs,
        recipe=recipe,
        contracts=tuple(judged),
        findings=tuple(contracts.findings_about(place.connection, table, row)),
        changed=past.last_change(trace, base.value),
        history=past.history_of_table(trace) if question.history else None,
        notes=() if blobs else ("no blob stands behind this row",),
    )


def _of_view(question: _Question, base: Explanation) -> Explanation:
    sql = question.views[base.relation]
    found = find_sources(base.column, sql, question.schema, question.views)
    notes = [] if found is not None else [_WHOLE.format(base.relation)]
    facts: list[SourceFact] = []
    behind: dict[tuple[str, str, str], Explanation] = {}
    for source in found or ():
        rows = _rows_of(question, source, base.key)
        name = f"{source.table}.{source.column}"
        facts.append(SourceFact(name, dict(source.fixed), source.is_condition, len(rows)))
        if source.is_condition:
            continue
        if len(rows) > FEW or len(behind) >= MOST:
            notes.append(f"{name}: `ispy1 why {name}` explains each of its rows")
            continue
        for one in _explained(question, source, rows):
            behind.setdefault((one.relation, one.column, repr(one.key)), one)
    return replace(
        base,
        made_by=f"sql/views/{base.relation}.sql",
        sources=tuple(facts),
        behind=tuple(behind.values()),
        history=_history_of_view(question, base) if question.history else None,
        notes=tuple(notes),
    )


def _history_of_view(question: _Question, base: Explanation) -> tuple[Moment, ...]:
    root = question.place.root
    return past.history_of_view(root, base.relation, base.column, base.key)


def _rows_of(question: _Question, source: Source, key: Row) -> list[Row]:
    """The rows of a table that go into a value: by what conditions fix, and by the view's key."""
    schema, _, name = source.table.rpartition(".")
    columns = question.schema[schema or "main"][name]
    chosen = {**source.fixed, **{k: v for k, v in key.items() if k in columns}}
    conditions = [f"{quoted(column)} is not distinct from ?" for column in chosen]
    return rows_where(question.place.connection, source.table, conditions, list(chosen.values()))


def _explained(question: _Question, source: Source, rows: list[Row]) -> Iterator[Explanation]:
    subject = find_subject(question.place.connection, f"{source.table}.{source.column}")
    yield from (_explain(question, subject, row) for row in rows)
