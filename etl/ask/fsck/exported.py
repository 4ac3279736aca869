"""An export against the tables: it is written anew beside, and compared file by file."""

from __future__ import annotations

import shlex
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import duckdb

from etl.ask.fsck.model import Problem, Report
from etl.model.digests import compute_md5
from etl.model.errors import UserError
from etl.model.store import scratch_folder
from etl.warehouse.connect import literal, quoted
from etl.warehouse.dialects.scripts import DIALECTS
from etl.warehouse.export import DATABASE, FILES_FORMATS, export

AREA = "export"
# What a catalog says, apart from the rows: views, comments, types.
_CATALOG = """
select schema_name, view_name as name, '' as part, sql as said, comment from duckdb_views()
where not internal and database_name = '{name}'
union all
select schema_name, table_name, column_name, data_type, comment from duckdb_columns()
where not internal and database_name = '{name}'
"""


def check_export(root: Path, folder: Path, report: Report) -> None:
    """Compare an export with what `ispy1 export` would write now.

    Raises:
        UserError: the folder is no export, or nothing is built.
    """
    if not (folder / DATABASE).is_file() and not (folder / "parquet").is_dir():
        message = (
            f"{folder}: is no export (no {DATABASE}, no parquet). Run `ispy1 export {folder}`."
        )
        raise UserError(message)
    forms = [form for form in FILES_FORMATS if (folder / f"files.{form}").is_file()]
    dialect = next((d for d in DIALECTS if (folder / f"views.{d}.sql").is_file()), None)
    options = [f"--dialect {dialect}"] if dialect else [f"--files {form}" for form in forms]
    again = " ".join(["ispy1 export --force", *options, shlex.quote(str(folder))])
    with tempfile.TemporaryDirectory(dir=scratch_folder(root)) as scratch:
        fresh = Path(scratch) / "export"
        with warnings.catch_warnings(action="ignore"):  # what is left out was said by the export
            paths = export(root, fresh, files=forms, dialect=dialect)
        names = sorted(path.relative_to(fresh) for path in paths)
        for name in names:
            pair = find_difference(folder / name, fresh / name)
            if pair:
                report.problems.append(Problem(AREA, str(folder / name), *pair, again))
        report.problems += _list_extra(folder, set(names))
    report.checked[AREA] = f"{len(names)} files"


def find_difference(exported: Path, fresh: Path) -> tuple[str, str] | None:
    """Return (expected, found) where a file is not what a fresh export holds."""
    if not exported.is_file():
        return "a file", "no file"
    if fresh.suffix == ".duckdb":
        return _compare_databases(exported, fresh)
    if fresh.suffix == ".sql":  # it names its folder
        _name_folder(fresh, exported.parent)
    expected, is_now = compute_md5(fresh), compute_md5(exported)
    return None if expected == is_now else (f"MD5 {expected} (the tables)", f"MD5 {is_now}")


def _name_folder(script: Path, folder: Path) -> None:
    text = script.read_text(encoding="utf-8")
    text = text.replace(str(script.parent.resolve()), str(folder.resolve()))
    script.write_text(text, encoding="utf-8")


def _compare_databases(exported: Path, fresh: Path) -> tuple[str, str] | None:
    """Compare catalogs, then rows: DuckDB's bytes differ from write to write."""
    with duckdb.connect() as connection:
        try:
            connection.execute(
                f"attach {literal(str(fresh))} as fresh (read_only); "
                f"attach {literal(str(exported))} as found (read_only)"
            )
            return _compare_catalogs(connection) or _compare_rows(connection)
        except duckdb.Error as error:
            return "a DuckDB file with the tables", " ".join(str(error).split())


def _compare_catalogs(connection: duckdb.DuckDBPyConnection) -> tuple[str, str] | None:
    fresh, exported = (set(connection.execute(_CATALOG.format(name=n)).fetchall())
                    for n in ("fresh", "found"))  # fmt: skip
    odd = ", ".join(sorted({f"{row[0]}.{row[1]}" for row in fresh ^ exported}))
    return ("the tables, views and comments of the project", f"other: {odd}") if odd else None


def _compare_rows(connection: duckdb.DuckDBPyConnection) -> tuple[str, str] | None:
    tables = connection.execute(
        "select schema_name, table_name from duckdb_tables() where database_name = 'fresh' "
        "and not internal order by 1, 2"
    ).fetchall()
    odd = [name for schema, name in tables if _has_other_rows(connection, schema, name)]
    return ("the rows of the tables", f"other rows in {', '.join(odd)}") if odd else None


def _has_other_rows(connection: duckdb.DuckDBPyConnection, schema: str, name: str) -> bool:
    fresh, exported = (f"(from {c}.{quoted(schema)}.{quoted(name)})" for c in ("fresh", "found"))
    row = connection.execute(
        f"select count(*) from (({fresh} except all {exported}) union all "  # noqa: S608  names of a catalog, quoted
        f"({exported} except all {fresh}))"
    ).fetchone()
    return row is None or row[0] != 0


def _list_extra(folder: Path, names: set[Path]) -> Iterator[Problem]:
    """Yield the tables in the export that the project does not have."""
    for path in sorted((folder / "parquet").rglob("*")):
        if path.is_file() and path.relative_to(folder) not in names:
            expected = "no such file (no table of this name)"
            repair = f"rm -f {shlex.quote(str(path))}"
            yield Problem(AREA, str(path), expected, "a file", repair)
