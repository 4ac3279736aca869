"""The command `export`: the warehouse for people without it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
) -> None:
    """Write the warehouse for people without it: Parquet, one DuckDB file, data dictionary.

    `--files` adds a list of the images and masks of each case, with absolute paths and folds.
    `--dialect` writes for an engine that you run: Parquet tables, and one script that makes tables,
    views with their comments and functions; what it cannot carry over stands in it, and is said.

    Examples:
    - `ispy1 export out`
    - `ispy1 export out --files json --files csv --force`
    - `ispy1 export out --dialect spark`, then `spark-sql -f out/views.spark.sql`
    - `ispy1 export out --dialect postgres`, then `cd out && psql -f views.postgres.sql`
    """
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
