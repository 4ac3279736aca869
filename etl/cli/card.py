"""Commands that make what people look at: card and picture, two stages of the pipeline."""

from __future__ import annotations

import typer

from etl import project


def register(app: typer.Typer) -> None:
    """Add the commands of this topic."""
    for command in (picture, card):
        app.command(rich_help_panel="Stages of the pipeline")(command)


def card() -> None:
    """Write the dataset card, reports/card.md (stage `card`).

    Examples:
    - `ispy1 card`
    """
    from etl.card.card import write_card

    root = project.find_root()
    typer.echo(f"card: {write_card(root).relative_to(root)}")


def picture() -> None:
    """Draw the median case with its masks, reports/card.png (stage `picture`).

    Examples:
    - `ispy1 picture`
    """
    from etl.card.picture import write_picture

    root = project.find_root()
    typer.echo(f"picture: {write_picture(root)}")
