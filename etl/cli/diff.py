"""The command over two versions: diff."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from etl.cli.answer import JsonOption, echo_json, warn_if_stale
from etl.cli.complete import complete_tags
from etl.cli.progress import progress_bar
from etl.model import project
from etl.model.address import is_address
from etl.model.errors import UserError

if TYPE_CHECKING:
    from etl.ask.diff import Difference

_FORMATS = ("terminal", "markdown", "json")
_ANSWERS = (*_FORMATS, "csv")  # of --sql


def register(app: typer.Typer) -> None:
    """Add the command of this topic."""
    app.command()(diff)


def diff(  # noqa: PLR0913  typer makes an option of each
    old: Annotated[
        str,
        typer.Argument(
            metavar="A",
            help="A git revision: v1.0, main, HEAD~2.",
            autocompletion=complete_tags,
        ),
    ],
    new: Annotated[
        str | None,
        typer.Argument(
            metavar="[B]",
            help="Another. Default: the working tree.",
            autocompletion=complete_tags,
        ),
    ] = None,
    *,
    form: Annotated[
        str, typer.Option("--format", "-f", help="terminal, markdown (a pull request), json.")
    ] = "terminal",
    as_json: JsonOption = False,
    dice: Annotated[
        bool, typer.Option(help="Lay both versions of each changed mask over each other.")
    ] = True,
    whole: Annotated[bool, typer.Option("--all", help="Print every row and column.")] = False,
    query: Annotated[
        str | None, typer.Option("--sql", help="Ask the schema diff: diff.masks, diff.changes ...")
    ] = None,
) -> None:
    """Say what changed between two versions: masks first, then coverage, values and files.

    Rows are matched by each table's key. Exit codes: 0 nothing differs, 1 something does, 2 the
    two cannot be compared. `unusual` is the size of a change against the spread of its column.

    Examples: `ispy1 diff v1.0`, `ispy1 diff v1.0 v2.0 --json`,
    `ispy1 diff main --format markdown`,
    `ispy1 diff v1.0 --sql "from diff.masks where change = 'changed'"`
    """
    root = project.find_root()
    form = "json" if as_json else form
    forms = _FORMATS if query is None else _ANSWERS
    if form not in forms:
        message = f"--format {form}: expected one of {', '.join(forms)}."
        raise UserError(message)
    if new is None:
        warn_if_stale(blobs=not is_address(project.release_name(root)))
    if query is not None:
        _ask(root, old, new, query, form)
        return
    from etl.ask.diff import compare

    with progress_bar("diff") as advance:
        difference = compare(root, old, new, dice=dice, progress=advance)
    _show(difference, form, whole=whole)
    if difference.is_different:
        raise typer.Exit(1)


def _ask(root: Path, old: str, new: str | None, query: str, form: str) -> None:
    """Answer a query over both versions; the answer, not the difference, is what was asked for."""
    from typing import cast

    from etl.ask.diff.views import OLD, WORKING_TREE, add_views
    from etl.text.answer_format import Format
    from etl.text.output import write
    from etl.warehouse.query import connect_restricted, execute

    connection = connect_restricted(root, rev=new, attach={OLD: old})
    add_views(connection, names=(old, new or WORKING_TREE))
    result = execute(connection, query, root, {OLD: old})
    write(result, cast("Format", "table" if form == "terminal" else form), None)


def _show(difference: Difference, form: str, *, whole: bool) -> None:
    from etl.ask.diff.render import write_markdown
    from etl.ask.diff.screen import show

    if form == "json":
        echo_json(difference.as_json())
        return
    if form == "markdown":
        for piece in write_markdown(difference):
            sys.stdout.write(piece)
        return
    from rich.console import Console

    show(difference, Console(), whole=whole)
