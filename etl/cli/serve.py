"""The command that serves the site on this machine."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from etl.cli.sql import MemoryOption, SpillOption, TimeoutOption
from etl.model import project
from etl.warehouse.limits import MEMORY, Limits

CONSOLE_SECONDS = 60  # of a query from a page, where nobody sees the machine work


def register(app: typer.Typer) -> None:
    """Add the command of this topic."""
    app.command()(serve)


def serve(
    *,
    port: Annotated[
        int, typer.Option(min=0, max=65535, show_default="a free one", help="Where to listen.")
    ] = 0,
    open_browser: Annotated[
        bool, typer.Option("--open", help="Open the first page in the browser.")
    ] = False,
    timeout: TimeoutOption = CONSOLE_SECONDS,
    memory: MemoryOption = MEMORY,
    spill: SpillOption = None,
) -> None:
    """Serve the site with what needs a server: a viewer of the blobs, and a console for SQL.

    It listens on this machine alone, only reads, and ends by Ctrl-C, with exit code 0. Whoever is
    logged in to this machine can ask it.

    Examples:
    - `ispy1 serve`
    - `ispy1 serve --port 8000 --open`
    """
    import webbrowser

    from etl.site.serve.run import serve_site

    def announce(address: str) -> None:
        typer.echo(f"{address} shows the site. Open it in a browser; Ctrl-C ends.")
        sys.stdout.flush()
        if open_browser:
            webbrowser.open(address)

    serve_site(project.find_root(), port, Limits(timeout, memory, spill), announce)
