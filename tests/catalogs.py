"""A catalog of views is made once a run, not once a project: its comments take longest.

A project of a test has tables of the same form as those of others, and files of its own. So a
finished catalog is copied, as connect.fill() copies that of the same project, and the views of
table files are made anew over the files that are here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import wraps
from pathlib import Path

import duckdb

from etl.model.errors import UserError
from etl.model.store import PARTS_OF
from etl.warehouse import connect, macros
from etl.warehouse.connect import Storage, literal
from etl.warehouse.parts import make_parts
from etl.warehouse.snapshot import Snapshot
from etl.warehouse.sql_words import as_pattern, scan_parquet

Build = Callable[..., None]
_FACTS = ("schema_version", "grain", "key", "columns", PARTS_OF)
_FORMS = """
select file_name, name, type, converted_type, logical_type
from parquet_schema([{files}])
"""


def build_once(build: Build, folder: Path) -> Build:
    """Return connect.build(), which copies from a folder what it has made before."""

    @wraps(build)
    def build_or_copy(
        connection: duckdb.DuckDBPyConnection, snapshot: Snapshot, *, storage: Storage
    ) -> None:
        form = _find_form(connection, snapshot) if storage == "view" else None
        if form is None:
            build(connection, snapshot, storage=storage)
            return
        catalog_file = folder / f"{hashlib.sha256(form.encode()).hexdigest()[:24]}.duckdb"
        if catalog_file.is_file() and connect._copy_catalog(connection, catalog_file):
            _name_files(connection, snapshot)
            return
        build(connection, snapshot, storage=storage)
        if not connect.find_broken_views(connection):
            connect._keep_catalog(connection, catalog_file)

    return build_or_copy


def _find_form(connection: duckdb.DuckDBPyConnection, snapshot: Snapshot) -> str | None:
    """Return all that decides what is in a catalog but where its files are; None where unclear."""
    by_path = {str(path): name for name, path in snapshot.tables.items()}
    folders = [sorted(Path(path).glob("*/*.parquet"))[:1] for path in snapshot.parts.values()]
    files = [*by_path, *(str(path) for paths in folders for path in paths)]
    if not by_path or any("://" in path for path in (*files, *map(str, snapshot.parts.values()))):
        return None
    listed = ", ".join(literal(as_pattern(path)) for path in files)
    try:
        footers = connect._read_footers(connection, snapshot)
        columns = connection.execute(_FORMS.format(files=listed)).fetchall()
        listers = [name for name in sorted(footers) if footers[name].get(PARTS_OF)]
        has_rows = [_has_rows(connection, snapshot.tables[name]) for name in listers]
    except (duckdb.Error, UserError):  # build() says it better
        return None
    if footers.keys() != snapshot.tables.keys():
        return None
    meanings = [[footers[name].get(fact) for fact in _FACTS] for name in sorted(footers)]
    forms = sorted((by_path.get(path, "part"), *column) for path, *column in columns)
    texts = (snapshot.views, snapshot.macros, snapshot.added, snapshot.inputs)
    return repr((
        meanings, forms, bool(snapshot.revision), sorted(snapshot.parts), has_rows,
        [sorted(text.items()) for text in texts], list(snapshot.inputs),
    ))  # fmt: skip


def _has_rows(connection: duckdb.DuckDBPyConnection, table: Path | str) -> bool:
    """Whether a table lists files: without one, the table of these files stands without rows."""
    return bool(connection.execute(f"select 1 from {scan_parquet(table)} limit 1").fetchall())


def _name_files(connection: duckdb.DuckDBPyConnection, snapshot: Snapshot) -> None:
    """Make the views of table files over the files of this snapshot."""
    footers = connect._read_footers(connection, snapshot)
    script = [
        statement.replace("create view", "create or replace view", 1)
        for statement in connect._write_tables_script(snapshot, footers, "view")
    ]
    connection.execute(";\n".join(script))
    for about in filter(None, (footer.get(PARTS_OF) for footer in footers.values())):
        connection.execute(f"drop view if exists {about['table']}")  # type: ignore[index]
    for name, about in make_parts(connection, snapshot.parts, footers, "view"):
        connection.execute(";\n".join(connect._comment_table(name, about, "view")))
    macros.make_macros(connection, snapshot.macros)
