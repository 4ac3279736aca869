"""Commands that explain and check: why, fsck, status."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from etl.cli.answer import JsonOption, echo_json, echo_lines
from etl.cli.complete import complete_columns, complete_keys
from etl.cli.progress import progress_bar
from etl.model import project


def register(app: typer.Typer) -> None:
    """Add the commands of this topic."""
    for command in (why, fsck, status):
        app.command()(command)


def why(
    column: Annotated[
        str,
        typer.Argument(help="TABLE.COLUMN of a table or view.", autocompletion=complete_columns),
    ],
    key: Annotated[
        list[str] | None,
        typer.Argument(
            help="The row: ISPY1_9003 stv_manual, or mask=stv_manual.",
            autocompletion=complete_keys,
        ),
    ] = None,
    *,
    history: Annotated[
        bool, typer.Option("--history", help="Also the value at every tag.")
    ] = False,
    offline: Annotated[
        bool, typer.Option("--offline", help="Ask no remote, fetch nothing.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Explain one value: meaning, blobs, code, contracts, and the version that changed it last.

    A value of a view leads to the table columns behind it. A key that fits several rows lists
    them.

    Examples: `ispy1 why masks.volume_cm3 ISPY1_9003 stv_manual`,
    `ispy1 why volumes.ftv_cm3 ISPY1_9003`, `ispy1 why clinical.age_years 9003 --history`,
    `ispy1 why features.value ISPY1_9003 T1_E_Volumetric_Volume --json --offline`
    """
    from etl.ask.why import as_json as for_machines
    from etl.ask.why import format_lines
    from etl.ask.why import why as explain

    with progress_bar("versions") as advance:
        answer = explain(
            project.find_root(), column, key or (),
            history=history, offline=offline, progress=advance,
        )  # fmt: skip
    if as_json:
        echo_json(for_machines(answer))
        return
    echo_lines(format_lines(answer))


def fsck(
    *,
    quick: Annotated[
        bool, typer.Option("--quick", help="Do not hash the DVC cache; trust DVC's memory.")
    ] = False,
    export: Annotated[
        Path | None, typer.Option("--export", metavar="DIR", help="Check an export, too.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check every byte: blobs, DVC cache, publisher's manifest, tables, lineage. Changes nothing.

    Every problem comes with path, expected, found and the command that repairs it. Exit codes: 0
    clean, 1 problems, 2 cannot check.

    Examples: `ispy1 fsck`, `ispy1 fsck --quick`, `ispy1 fsck --export out --json`
    """
    from etl.ask.fsck import format_lines
    from etl.ask.fsck import fsck as check

    with progress_bar("fsck") as advance:
        report = check(project.find_root(), quick=quick, export=export, progress=advance)
    if as_json:
        echo_json(report.as_json())
    else:
        echo_lines(format_lines(report))
    if not report.is_clean:
        raise typer.Exit(1)


def status(*, as_json: JsonOption = False) -> None:
    """Say in ten lines: release, versions, what is stale, verdict, remote, edits in danger.

    Examples: `ispy1 status`, `ispy1 status --json`
    """
    from etl.versions.dvc import start_status

    root = project.find_root()
    ask_dvc = start_status(root)  # takes a second; imports and all else are done meanwhile

    from etl.ask.status import format_lines
    from etl.ask.status import status as state

    now = state(root, ask_dvc)
    if as_json:
        echo_json(now.as_json())
        return
    echo_lines(format_lines(now))
