"""`ispy1 idc`: scanners, dates and series of the trial, from the Imaging Data Commons."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from etl.cli.answer import JsonOption, echo_json
from etl.cli.complete import complete_profiles
from etl.cli.progress import progress_bar


def register(app: typer.Typer) -> None:
    """Add the command of this topic."""
    app.command()(idc)


def idc(
    index: Annotated[
        Path | None,
        typer.Argument(
            help="idc_index.parquet, or the wheel that holds it; default: the installed "
            "package idc-index-data."
        ),
    ] = None,
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Write this file, not the release's. DVC is not told.",
            dir_okay=False,
        ),
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The data set; default: the release's.",
            autocompletion=complete_profiles,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Cut the trial's series out of the index of the Imaging Data Commons, into data/release.

    The table `acquisitions` is built from this slice: scanner, study dates, ages and the trial's
    enhancement threshold of each case. The index comes with the package idc-index-data (79 MB,
    `pip install idc-index-data`); a build needs the slice (0.5 MB, CC BY 3.0) and not the package.

    Examples:
    - `ispy1 idc`
    - `ispy1 idc ~/Downloads/idc_index_data-25.0.5-py3-none-any.whl`
    - `ispy1 idc --output idc_series.parquet --profile ispy1_tcia --json`
    """
    from etl.adopt.idc import cut
    from etl.model.project import find_root

    with progress_bar("idc"):
        done = cut(find_root(), index, output=output, profile=profile)
    if as_json:
        echo_json(done.as_dict())
        return
    version = f", idc-index-data {done.index_version}" if done.index_version else ""
    typer.echo(
        f"idc: {done.subjects} subjects, {done.studies} studies, {done.series} series of "
        f"{done.collection}{version}\n"
        f"{done.path}: {done.size_bytes} bytes{'' if done.is_changed else ', unchanged'}"
    )
    if done.is_tracked:
        typer.echo("next: ispy1 repro, then: git add -A && git commit")
