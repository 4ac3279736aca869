"""The command that makes what people look at: the card and its picture, a stage."""

from __future__ import annotations

import typer

from etl.model import project


def register(app: typer.Typer) -> None:
    """Add the commands of this topic."""
    app.command(rich_help_panel="Stages of the pipeline")(card)


def card() -> None:
    """Write the dataset card, reports/card.md, and draw the median case, reports/card.png.

    The stage `card`. The picture reads blobs, and is left as it is where it would be the same.

    Examples:
    - `ispy1 card`
    """
    from etl.ask.card.card import write_card
    from etl.ask.card.picture import write_picture

    root = project.find_root()
    typer.echo(f"picture: {write_picture(root)}")
    typer.echo(f"card: {write_card(root).relative_to(root)}")
