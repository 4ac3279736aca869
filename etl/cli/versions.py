"""Commands over versions: push."""

from __future__ import annotations

from typing import Annotated

import typer

from etl.cli.answer import JsonOption, echo_json
from etl.cli.progress import progress_bar
from etl.model import project


def register(app: typer.Typer) -> None:
    """Add the commands of this topic."""
    app.command()(push)


def push(
    *,
    all_versions: Annotated[
        bool, typer.Option("--all-versions", help="Of every branch and tag, not today's alone.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Bring what DVC keeps into today's remote: tables and blobs, by hash.

    `dvc push` uses the remote that each revision named at its time; this one uses today's for all.
    What the remote holds is not sent again. Exit code 1: a file is in neither cache nor remote.

    Examples: `ispy1 push`, `ispy1 push --all-versions`, `ispy1 push --all-versions --json`
    """
    from etl.text.values import format_bytes
    from etl.versions.push import push_versions

    with progress_bar("push") as advance:
        report = push_versions(project.find_root(), every=all_versions, progress=advance)
    if as_json:
        echo_json(report.as_json())
    else:
        typer.echo(
            f"push: {report.versions} versions; {report.tables} tables, {report.blobs} blobs, "
            f"{report.others} other files; {report.pushed} sent "
            f"({format_bytes(report.pushed_bytes)}), {report.there} were there"
        )
    for md5, path in report.missing.items():
        typer.echo(f"missing: {path} (MD5 {md5}) is in neither cache nor remote", err=True)
    if report.missing:
        raise typer.Exit(1)
