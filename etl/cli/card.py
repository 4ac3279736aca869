"""The commands that make what people look at, stages both: the card with metrics, and the site."""

from __future__ import annotations

import typer

from etl.cli.progress import progress_bar
from etl.model import project


def register(app: typer.Typer) -> None:
    """Add the commands of this topic."""
    for command in (card, site):
        app.command(rich_help_panel="Stages of the pipeline")(command)


def card() -> None:
    """Write the dataset card, reports/card.md, and draw the median case, reports/card.png.

    The stage `card`. It also writes reports/metrics.json and reports/plots, which
    `dvc metrics diff` and `dvc plots diff` compare. The picture reads blobs, and is left as it is
    where it would be the same.

    Examples:
    - `ispy1 card`
    """
    from etl.ask.card.card import write_card
    from etl.ask.card.picture import write_picture
    from etl.ask.metrics import write_metrics

    root = project.find_root()
    with progress_bar("card"):
        title = write_picture(root)
        card_path, metrics_path = write_card(root), write_metrics(root)
    typer.echo(f"picture: {title}")
    typer.echo(f"card: {card_path.relative_to(root)}")
    typer.echo(f"metrics: {metrics_path.relative_to(root)}")


def site() -> None:
    """Write the site, reports/site: the release, its cases and its verdict as pages.

    The stage `site`. It opens from disk: reports/site/index.html.

    Examples:
    - `ispy1 site`
    """
    from etl.site.build import write_site

    root = project.find_root()
    with progress_bar("site") as advance:
        first_page = write_site(root, advance)
    typer.echo(f"site: {first_page.relative_to(root)}")
