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
    force: Annotated[  # noqa: FBT002  typer makes the option of it
        bool, typer.Option("--force", help="Write into a folder that holds something.")
    ] = False,
) -> None:
    """Write the warehouse for people without it: Parquet, one DuckDB file, data dictionary.

    `--files` adds a list of the images and masks of each case, with absolute paths and folds.

    Examples:
    - `ispy1 export out`
    - `ispy1 export out --files json --files csv --force`
    """
    from etl.warehouse.export import FILES_FORMATS
    from etl.warehouse.export import export as write

    unknown = sorted(set(files or ()) - set(FILES_FORMATS))
    if unknown:
        message = f"--files {unknown[0]}: expected json or csv."
        raise UserError(message)
    forms = [form for form in FILES_FORMATS if form in (files or ())]
    for path in write(project.find_root(), folder, files=forms, force=force):
        typer.echo(path)
