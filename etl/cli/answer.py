"""What the commands share: the option `--json` and the output that it asks for, lines of text."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Annotated, Any

import typer

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
