"""The command that shows a case: its picture as a file, its figures on one screen."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from etl.cli.answer import JsonOption, echo_json, echo_lines
from etl.model import project


def register(app: typer.Typer) -> None:
    """Add the commands of this topic."""
    app.command()(show)


def show(
    case: Annotated[str, typer.Argument(help="The case: ISPY1_9003, or 9003.")],
    *,
    output: Annotated[
        Path | None,
        typer.Option("--output", help="Write the picture here (default: own/CASE.png)."),
    ] = None,
    open_picture: Annotated[
        bool, typer.Option("--open", help="Open the picture, where there is a display.")
    ] = False,
    whole: Annotated[bool, typer.Option("--all", help="Whole texts, and all findings.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show a case: three planes with all masks as a picture; its figures, what is broken.

    The picture is the site's where that is of today's blobs; else it is drawn.

    Examples: `ispy1 show ISPY1_9003`, `ispy1 show 9003 --open`, `ispy1 show 9003 --all`,
    `ispy1 show 9003 --output own/9003.png --json`
    """
    from etl.site.show import convert_shown, format_lines, show_case

    shown = show_case(project.find_root(), case, output)
    if as_json:
        echo_json(convert_shown(shown))
    else:
        echo_lines(format_lines(shown, whole=whole))
    if open_picture and shown.picture is not None and _has_display():
        typer.launch(str(shown.picture))


def _has_display() -> bool:
    """Return whether a window can open: else Linux may start a browser in the terminal."""
    is_linux = sys.platform.startswith("linux")
    return not is_linux or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
