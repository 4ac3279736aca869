"""A value through the versions: when it last changed, through which blob, and at every tag."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb

from etl.ask.why.model import BlobChange, Change, Moment, Row
from etl.build.index import list_parts_tables
from etl.model import project
from etl.model.errors import UserError
from etl.model.schema import CASE_ID
from etl.model.store import find_table, read_footer, table_path
from etl.versions import dvc, git, revision_tables
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
    progress: Callable[[int, int], None] = lambda _done, _all: None  # versions read, and to read

    @property
    def lister(self) -> str:
        """The table that lists the files of one with a file per case; else the table itself."""
        return list_parts_tables().get(self.table, self.table)


@dataclass(frozen=True, slots=True)
class _State:
    """The value at one version, and the file of its table. `revision`: None: the working tree."""

    file: Path
    value: Any
    revision: Revision | None = None


def find_last_change(trace: Trace, value: object) -> Change:
    """Find when the value became what it is, among the last versions on the way to HEAD."""
    state = _State(find_table(trace.root, trace.lister), value)
    n_versions = 0
    try:
        past = git.list_commits_of(trace.root, LOCK, LIMIT + 1)
    except UserError as error:
        return Change(happened=False, summary=str(error))
    values_by_md5: dict[str, object] = {}
    for done, revision in enumerate(past[:LIMIT]):
        trace.progress(done, len(past[:LIMIT]))
        try:
            older = _read_state(trace, revision, values_by_md5)
        except UserError as error:
            summary = f"{_describe_since(state)}; {error}"
            return replace(_report_unchanged(state, n_versions), summary=summary)
        if not _is_same(older.value, state.value):
            return _describe_change(trace, older, state, n_versions + 1)
        state, n_versions = older, n_versions + 1
    if len(past) > LIMIT:
        summary = f"unchanged in the last {n_versions} versions; older ones were not looked at"
        return replace(_report_unchanged(state, n_versions), summary=summary)
    return _report_unchanged(state, n_versions)


def _read_state(trace: Trace, revision: Revision, values_by_md5: dict[str, object]) -> _State:
    """Return the value at a revision; `values_by_md5` keeps it by the table file's MD5."""
    key = trace.key
    lister_md5 = md5 = revision_tables.list_tables_at(trace.root, revision).get(trace.lister)
    if trace.lister != trace.table:
        parts = revision_tables.list_parts_at(trace.root, revision).get(trace.table, {})
        md5 = parts.get(str(key[CASE_ID.name]))
        key = {name: value for name, value in key.items() if name != CASE_ID.name}
    if md5 is None or lister_md5 is None:
        return _State(Path(), _MISSING, revision)
    file = _find_file(trace, revision, lister_md5)
    if md5 not in values_by_md5:
        values_by_md5[md5] = read_value(_find_file(trace, revision, md5), trace.column, key)
    return _State(file, values_by_md5[md5], revision)


def _find_file(trace: Trace, revision: Revision, md5: str) -> Path:
    if trace.offline and dvc.find_blob_file(trace.root, md5) is None:
        message = f"{revision}: its table {trace.table} is not in the cache"
        raise UserError(message)
    return revision_tables.find_file(trace.root, revision, trace.table, md5)


def read_value(file: Path, column: str, key: Row) -> object:
    """Read the value of a row from a table file; _MISSING where there is no such row or column.

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


def _is_same(a: object, b: object) -> bool:
    both_nan = a != a and b != b  # noqa: PLR0124  NaN alone differs from itself
    return both_nan or a is b or (type(a) is type(b) and a == b)


def _format_day(revision: Revision) -> str:
    return revision.committed.date().isoformat()


def _describe_since(state: _State) -> str:
    if state.revision is None:
        return "in the working tree, in no version yet"
    return f"as it is since {state.revision.name} ({_format_day(state.revision)}) at least"


def _report_unchanged(state: _State, n_versions: int) -> Change:
    after = _drop_missing(state.value)
    if state.revision is None:
        summary = "in no version yet: commit dvc.lock to keep one"
        return Change(happened=False, summary=summary, after=after, n_versions=n_versions)
    name, day = state.revision.name, _format_day(state.revision)
    summary = f"unchanged since {name} ({day}), the first version that was built"
    return Change(
        happened=False, summary=summary, revision=name, date=day, after=after, n_versions=n_versions
    )


def _describe_change(trace: Trace, older: _State, newer: _State, n_versions: int) -> Change:
    blobs = tuple(_list_blob_changes(trace, older, newer))
    recipes = _read_recipes(older, newer)
    verb = "appeared" if older.value is _MISSING else "changed"
    name, day = (newer.revision.name, _format_day(newer.revision)) if newer.revision else ("", "")
    at = f"at {name} ({day})" if name else "in the working tree, not committed"
    return Change(
        happened=True,
        summary=f"{verb} {at}, {_describe_cause(blobs, recipes)}",
        revision=name,
        date=day,
        before=_drop_missing(older.value),
        after=_drop_missing(newer.value),
        blobs=blobs,
        recipes=recipes if recipes and recipes[0] != recipes[1] else None,
        n_versions=n_versions,
    )


def _drop_missing(value: object) -> object:
    return None if value is _MISSING else value


def _describe_cause(blobs: Sequence[BlobChange], recipes: tuple[str, str] | None) -> str:
    if blobs:
        return f"through {', '.join(blob.path for blob in blobs)}"
    if recipes and recipes[0] != recipes[1]:
        return "through code, libraries or parameters: the blobs are the same"
    if recipes is None:
        return "with the table"
    return "through no blob of its own and no code: through another table that it reads"


def _read_recipes(older: _State, newer: _State) -> tuple[str, str] | None:
    if older.value is _MISSING and not older.file.name:
        return None
    return str(read_footer(older.file).get("recipe")), str(read_footer(newer.file).get("recipe"))


def _list_blob_changes(trace: Trace, older: _State, newer: _State) -> Iterator[BlobChange]:
    for path in trace.paths:
        before, after = _read_md5(trace, older, path), _read_md5(trace, newer, path)
        if before != after:
            yield BlobChange(path, before, after)


def _read_md5(trace: Trace, state: _State, path: str) -> str | None:
    """Return the MD5 of a blob at a version, by the version's own table `blobs`."""
    try:
        if state.revision is None:
            file = table_path(trace.root / project.TABLES, "blobs")
        else:
            file = revision_tables.find_table_file(trace.root, state.revision, "blobs")
        md5 = read_value(file, "md5", {"path": path})
    except UserError:
        return None
    return None if md5 is _MISSING else str(md5)


# --- At every tag -------------------------------------------------------------------------------


def list_table_moments(trace: Trace) -> tuple[Moment, ...]:
    """Return the value at every tag, oldest first."""
    tags, moments = _list_tags(trace.root), []
    for done, tag in enumerate(tags):
        trace.progress(done, len(tags))
        moments.append(_read_moment(trace, tag))
    return tuple(moments)


def _list_tags(root: Path) -> list[Revision]:
    """Return the tags; none where git has no answer, which the last change says."""
    try:
        return git.list_tags(root)
    except UserError:
        return []


def _read_moment(trace: Trace, tag: Revision) -> Moment:
    try:
        value = _read_state(trace, tag, {}).value
    except UserError as error:
        return Moment(tag.name, _format_day(tag), None, str(error))
    problem = "no such row, column or table" if value is _MISSING else ""
    return Moment(tag.name, _format_day(tag), _drop_missing(value), problem)


def list_view_moments(root: Path, relation: str, column: str, key: Row) -> tuple[Moment, ...]:
    """Return the value of a view at every tag, with the tag's own SQL."""
    return tuple(_read_view_moment(root, tag, relation, column, key) for tag in _list_tags(root))


def _read_view_moment(root: Path, tag: Revision, relation: str, column: str, key: Row) -> Moment:
    where = " and ".join(f"{quoted(name)} is not distinct from ?" for name in key)
    source = ".".join(quoted(part) for part in relation.split("."))
    query = f"select {quoted(column)} from {source} where {where}"  # noqa: S608  quoted names
    try:
        with connect(root, rev=tag.name) as connection:
            rows = connection.execute(query, list(key.values())).fetchall()
        value, problem = rows[0][0] if rows else None, "" if rows else "no such row"
    except UserError as error:
        value, problem = None, str(error)
    except duckdb.Error:
        value, problem = None, "no such view or column"
    return Moment(tag.name, _format_day(tag), value, problem)
