"""What the commands share: `--json` and its output, lines of text, the warning of stale tables."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Annotated, Any

import typer

from etl.model import project

JsonOption = Annotated[bool, typer.Option("--json", help="For machines.")]


def echo_json(value: Any) -> None:  # noqa: ANN401  whatever JSON can hold
    """Print a value as indented JSON, with letters of any alphabet as they are."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def echo_lines(lines: Iterable[str]) -> None:
    """Print lines of a label and its text; a terminal gets them wrapped, the text below itself."""
    from etl.text.output import find_width
    from etl.text.values import wrap_labelled

    width = find_width()
    for line in lines:
        typer.echo(wrap_labelled(line, width))


def warn_if_stale(*, blobs: bool = False) -> None:
    """Say on stderr that the tables are not of what lies here; `blobs`: of the release, too."""
    from etl.gate.report import describe_stale_tables

    if warning := describe_stale_tables(project.find_root(), blobs=blobs):
        typer.echo(warning, err=True)
