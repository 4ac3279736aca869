"""The command `ispy1`. Thin: every command calls one function of the package."""

from __future__ import annotations

import os
import sys

import typer

from etl.cli import adopt, build, card, diff, gate, idc, sql, versions, why
from etl.errors import UserError

EXIT_CANNOT = 2

app = typer.Typer(
    name="ispy1",
    help="A data-versioned warehouse over a release of breast DCE-MRI blobs.\n\n"
    "Exit codes: 0 fine, 1 a contract is broken, 2 the command cannot run.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


for topic in (build, adopt, idc, sql, versions, diff, why, gate, card):
    topic.register(app)


def main() -> None:
    """Run a command; an error for a person is one line on stderr and exit code 2."""
    # Neither DVC nor Great Expectations may call home, from any command.
    os.environ.setdefault("DVC_NO_ANALYTICS", "1")
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    try:
        app()
    except UserError as error:
        typer.echo(f"ispy1: {error}", err=True)
        sys.exit(EXIT_CANNOT)
    except BrokenPipeError:  # `ispy1 sql ... | head`
        sys.stderr.close()
        sys.exit(0)
