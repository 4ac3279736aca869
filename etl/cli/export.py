"""The command `export`: the warehouse for people without it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from etl.cli.sql import RevOption
from etl.model import project
from etl.model.errors import UserError


def register(app: typer.Typer) -> None:
    """Add the command of this topic."""
    app.command()(export)


def export(
    folder: Annotated[Path, typer.Argument(help="Where to; made where it does not exist.")],
    files: Annotated[
        list[str] | None, typer.Option("--files", help="json (MONAI) or csv (nnU-Net, others).")
    ] = None,
    dialect: Annotated[
        str | None,
        typer.Option(help="Write one SQL script for this engine: spark, postgres or duckdb."),
    ] = None,
    force: Annotated[  # noqa: FBT002  typer makes the option of it
        bool, typer.Option("--force", help="Write into a folder that holds something.")
    ] = False,
    table_format: Annotated[
        str | None, typer.Option("--table-format", help="delta: tables with versions, alone.")
    ] = None,
    rev: RevOption = None,
) -> None:
    """Write the warehouse for people without it: Parquet, one DuckDB file, data dictionary.

    `--files` adds a list of the images and masks of each case, with absolute paths and folds.
    `--dialect` writes for an engine that you run: Parquet tables, and one script that makes tables,
    views with their comments and functions; what it cannot carry over stands in it, and is said.
    `--table-format delta` writes Delta tables instead, into the same folder again and again: what a
    revision changed is a version of a table, and `versions.csv` says which.

    Examples:
    - `ispy1 export out`
    - `ispy1 export out --files json --files csv --force`
    - `ispy1 export out --dialect spark`, then `spark-sql -f out/views.spark.sql`
    - `ispy1 export out --dialect postgres`, then `cd out && psql -f views.postgres.sql`
    - `ispy1 export lake --table-format delta --rev v1.0`
    """
    if table_format or rev:
        if table_format != "delta" or files or dialect:
            message = "--table-format: expected delta, with --rev and --force alone."
            raise UserError(message)
        _export_delta(folder, rev, force=force)
        return
    from etl.warehouse.dialects.scripts import DIALECTS
    from etl.warehouse.export import FILES_FORMATS
    from etl.warehouse.export import export as write

    unknown = sorted(set(files or ()) - set(FILES_FORMATS))
    if unknown:
        message = f"--files {unknown[0]}: expected json or csv."
        raise UserError(message)
    engine = next((name for name in DIALECTS if name == dialect), None)
    if dialect and not engine:
        message = f"--dialect {dialect}: expected spark, postgres or duckdb."
        raise UserError(message)
    if engine and files:
        message = "--files: belongs to an export without --dialect. Leave one of both out."
        raise UserError(message)
    forms = [form for form in FILES_FORMATS if form in (files or ())]
    for path in write(project.find_root(), folder, files=forms, dialect=engine, force=force):
        typer.echo(path)


def _export_delta(folder: Path, rev: str | None, *, force: bool) -> None:
    from etl.warehouse.delta import export_delta

    for exported in export_delta(project.find_root(), folder, rev=rev, force=force):
        note = "" if exported.is_new else " (unchanged)"
        typer.echo(f"{folder / exported.table} version {exported.version}{note}")
