"""What the commands share: the option `--json` and the output that it asks for."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

JsonOption = Annotated[bool, typer.Option("--json", help="For machines.")]


def echo_json(value: Any) -> None:  # noqa: ANN401  whatever JSON can hold
    """Print a value as indented JSON, with letters of any alphabet as they are."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))
