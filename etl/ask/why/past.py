"""A value through the versions: when it last changed, through which blob, and at every tag."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb

from etl.ask.why.model import BlobChange, Change, Moment, Row
from etl.model import project
from etl.model.errors import UserError
from etl.model.store import find_table, read_footer, table_path
from etl.versions import dvc, git
from etl.versions.git import LOCK, Revision
from etl.warehouse.connect import connect, quoted
from etl.warehouse.sql_words import scan_parquet

LIMIT = 50  # versions looked at for the last change
_MISSING = object()


@dataclass(frozen=True, slots=True)
class Trace:
    """The value that is followed: a column of the row with this key, in the table of a project.

    `paths`: the blobs that it is read from.
    """

    root: Path
    table: str
    column: str
    key: Row
    paths: tuple[str, ...] = ()
    offline: bool = False


@dataclass(frozen=True, slots=True)
class _State:
    """The value at one version. `file`: the table's; None for the working tree's own."""

    name: str
    date: str
    file: Path
    value: Any
    revision: Revision | None = None


def last_change(trace: Trace, value: object) -> Change:
    """When the value became what it is, among the last versions on the way to HEAD."""
    path = find_table(trace.root, trace.table)
    state = _State("the working tree", "", path, value)
    looked = 0
    try:
        past = git.list_commits_of(trace.root, LOCK, LIMIT + 1)
    except UserError as error:
        return Change(happened=False, summary=str(error))
    known: dict[str, object] = {}
    for revision in past[:LIMIT]:
        try:
            older = _state_at(trace, revision, known)
        except UserError as error:
            return replace(_unchanged(state, looked), summary=f"{_since(state)}; {error}")
        if not _is_same(older.value, state.value):
            return _change(trace, older, state, looked + 1)
        state, looked = older, looked + 1
    if len(past) > LIMIT:
        summary = f"unchanged in the last {looked} versions; older ones were not looked at"
        return replace(_unchanged(state, looked), summary=summary)
    return _unchanged(state, looked)


def _state_at(trace: Trace, revision: Revision, known: dict[str, object]) -> _State:
    """The value at a revision; `known` keeps it by the table file's MD5."""
    md5 = git.list_tables_at(trace.root, revision).get(trace.table)
    if md5 is None:
        return _State(revision.name, _day(revision), Path(), _MISSING, revision)
    file = _file(trace, revision, md5)
    if md5 not in known:
        known[md5] = value_in(file, trace.column, trace.key)
    return _State(revision.name, _day(revision), file, known[md5], revision)


def _file(trace: Trace, revision: Revision, md5: str) -> Path:
    if trace.offline and dvc.find_blob_file(trace.root, md5) is None:
        message = f"{revision}: its table {trace.table} is not in the cache"
        raise UserError(message)
    return git.find_table_file(trace.root, revision, trace.table)


def value_in(file: Path, column: str, key: Row) -> object:
    """The value of a row in a table file; a mark of absence where there is no such row or column.

    Raises:
        UserError: the file cannot be read.
    """
    where = " and ".join(f"{quoted(name)} is not distinct from ?" for name in key)
    try:
        with duckdb.connect() as connection:
            rows = connection.execute(
                f"select {quoted(column)} from {scan_parquet(file)} where {where}",  # noqa: S608  names are quoted
                list(key.values()),
            ).fetchall()
    except duckdb.BinderException:  # a version without the column
        return _MISSING
    except duckdb.Error as error:
        message = f"{file}: cannot be read ({' '.join(str(error).split())}). Run `ispy1 fsck`."
        raise UserError(message) from error
    return rows[0][0] if rows else _MISSING


def _is_same(one: object, other: object) -> bool:
    both_nan = one != one and other != other  # noqa: PLR0124  NaN alone differs from itself
    return both_nan or one is other or (type(one) is type(other) and one == other)


def _day(revision: Revision) -> str:
    return revision.committed.date().isoformat()


def _since(state: _State) -> str:
    if state.revision is None:
        return "in the working tree, in no version yet"
    return f"as it is since {state.name} ({state.date}) at least"


def _unchanged(state: _State, looked: int) -> Change:
    summary = (
        f"unchanged since {state.name} ({state.date}), the first version that was built"
        if state.revision
        else "in no version yet: commit dvc.lock to keep one"
    )
    return Change(
        happened=False,
        summary=summary,
        revision=state.name if state.revision else "",
        date=state.date,
        after=_plain(state.value),
        n_versions=looked,
    )


def _change(trace: Trace, older: _State, newer: _State, looked: int) -> Change:
    blobs = tuple(_blob_changes(trace, older, newer))
    recipes = _recipes(older, newer)
    what = "appeared" if older.value is _MISSING else "changed"
    cause = _cause(blobs, recipes)
    at = (
        f"at {newer.name} ({newer.date})"
        if newer.revision
        else "in the working tree, not committed"
    )
    return Change(
        happened=True,
        summary=f"{what} {at}, {cause}",
        revision=newer.name if newer.revision else "",
        date=newer.date,
        before=_plain(older.value),
        after=_plain(newer.value),
        blobs=blobs,
        recipes=recipes if recipes and recipes[0] != recipes[1] else None,
        n_versions=looked,
    )


def _plain(value: object) -> object:
    return None if value is _MISSING else value


def _cause(blobs: Sequence[BlobChange], recipes: tuple[str, str] | None) -> str:
    if blobs:
        return f"through {', '.join(blob.path for blob in blobs)}"
    if recipes and recipes[0] != recipes[1]:
        return "through code, libraries or parameters: the blobs are the same"
    if recipes is None:
        return "with the table"
    return "through no blob of its own and no code: through another table that it reads"


def _recipes(older: _State, newer: _State) -> tuple[str, str] | None:
    if older.value is _MISSING and not older.file.name:
        return None
    return str(read_footer(older.file).get("recipe")), str(read_footer(newer.file).get("recipe"))


def _blob_changes(trace: Trace, older: _State, newer: _State) -> Iterator[BlobChange]:
    for path in trace.paths:
        before, after = _md5_at(trace, older, path), _md5_at(trace, newer, path)
        if before != after:
            yield BlobChange(path, before, after)


def _md5_at(trace: Trace, state: _State, path: str) -> str | None:
    """The MD5 of a blob at a version, by the version's own table `blobs`."""
    try:
        if state.revision is None:
            file = table_path(trace.root / project.TABLES, "blobs")
        else:
            file = git.find_table_file(trace.root, state.revision, "blobs")
        found = value_in(file, "md5", {"path": path})
    except UserError:
        return None
    return None if found is _MISSING else str(found)


# --- At every tag -------------------------------------------------------------------------------


def history_of_table(trace: Trace) -> tuple[Moment, ...]:
    """The value at every tag, oldest first."""
    return tuple(_moment(trace, tag) for tag in _tags(trace.root))


def _tags(root: Path) -> list[Revision]:
    """The tags; none where git has no answer, which the last change says."""
    try:
        return git.list_tags(root)
    except UserError:
        return []


def _moment(trace: Trace, tag: Revision) -> Moment:
    try:
        value = _state_at(trace, tag, {}).value
    except UserError as error:
        return Moment(tag.name, _day(tag), None, str(error))
    problem = "no such row, column or table" if value is _MISSING else ""
    return Moment(tag.name, _day(tag), _plain(value), problem)


def history_of_view(root: Path, relation: str, column: str, key: Row) -> tuple[Moment, ...]:
    """The value of a view at every tag, with the tag's own SQL."""
    return tuple(_moment_of_view(root, tag, relation, column, key) for tag in _tags(root))


def _moment_of_view(root: Path, tag: Revision, relation: str, column: str, key: Row) -> Moment:
    where = " and ".join(f"{quoted(name)} is not distinct from ?" for name in key)
    source = ".".join(quoted(part) for part in relation.split("."))
    try:
        with connect(root, rev=tag.name) as connection:
            rows = connection.execute(
                f"select {quoted(column)} from {source} where {where}",  # noqa: S608  quoted names
                list(key.values()),
            ).fetchall()
    except UserError as error:
        return Moment(tag.name, _day(tag), None, str(error))
    except duckdb.Error:
        return Moment(tag.name, _day(tag), None, "no such view or column")
    return Moment(tag.name, _day(tag), rows[0][0] if rows else None, "" if rows else "no such row")
