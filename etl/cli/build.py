"""Commands of the pipeline: what the stages of dvc.yaml run, and `repro` around them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from etl import project
from etl.cli.progress import progress_bar
from etl.errors import UserError

FORCE = "ISPY1_FORCE"


def register(app: typer.Typer) -> None:
    """Add the commands of this topic."""
    app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(repro)
    app.command()(hook)
    stage = "Stages of the pipeline"
    app.command(rich_help_panel=stage)(phantom)
    app.command(rich_help_panel=stage)(index)
    app.command(rich_help_panel=stage)(table)
    app.command(rich_help_panel=stage)(findings)


def repro(context: typer.Context) -> None:
    """Bring every table up to date: `dvc repro` with this program's own environment.

    Further words go to `dvc repro`. `--force` also measures every blob again. A second one waits.

    Examples: `ispy1 repro`, `ispy1 repro --force`, `ispy1 repro gate`
    """
    from etl.repro import run_repro

    root = project.find_root()
    if not {"--allow-missing", "--pull"} & set(context.args):
        _check_release(root)
    environment = {FORCE: "1"} if {"--force", "-f"} & set(context.args) else {}
    code = run_repro(root, context.args, environment, _say)
    raise typer.Exit(min(code, 1) if code >= 0 else 2)


def _check_release(root: Path) -> None:
    """A tracked release that is not here: DVC says so too, but not what to do."""
    release = project.release_path(root)
    tracked = release.with_name(f"{release.name}.dvc")
    if tracked.is_file() and not release.is_dir():
        name = tracked.relative_to(root)
        message = (
            f"{release}: the blobs are not here. Run `dvc pull {name}`. Without them, "
            "`dvc pull dvc.yaml` brings the tables, and `ispy1 repro --allow-missing` builds on."
        )
        raise UserError(message)


def hook() -> None:
    """Install the git hook that checks the data out with the code (`make` does).

    A hook of your own is never written over.

    Examples: `ispy1 hook`
    """
    from etl.hooks import install_hook

    typer.echo(install_hook(project.find_root()))


def phantom() -> None:
    """Make the synthetic release and its truth, as params.yaml says (a stage of data/dvc.yaml).

    Examples: `ispy1 phantom`
    """
    from etl.phantom import make

    root = project.find_root()
    with progress_bar("phantom") as advance:
        make(
            root / "data" / "phantom",
            root / "data" / "truth.parquet",
            cases=project.param(root, "phantom.cases"),
            seed=project.param(root, "phantom.seed"),
            scale=project.param(root, "phantom.scale"),
            progress=lambda done, total, _: advance(done, total),
        )


def index() -> None:
    """Hash the release, and write for every table what it reads (stage `index`).

    Examples: `ispy1 index`
    """
    from etl.hooks import unlike_head
    from etl.index import write_indexes

    root = project.find_root()
    typer.echo(f"index: {write_indexes(root)} files of {project.release_path(root)}")
    warning = unlike_head(root)
    if warning:
        _say(f"warning: {warning}")


def table(
    name: Annotated[str, typer.Argument(help="Table to build, such as masks.")],
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; default: ISPY1_WORKERS or the cores.")
    ] = None,
    force: Annotated[  # noqa: FBT002  typer makes the option of it
        bool, typer.Option("--force", envvar=FORCE, help="Read every blob again.")
    ] = False,
) -> None:
    """Build one table from the release (stage `table@NAME`).

    Examples: `ispy1 table masks`, `ispy1 table images --workers 1`
    """
    from etl.build import build_table

    root = project.find_root()
    with progress_bar(name) as advance:
        built = build_table(root, name, workers, advance, reuse=not force, say=_say)
    typer.echo(
        f"{name}: {built.rows} rows, {built.findings} findings; "
        f"{built.measured} units measured, {built.units - built.measured} reused"
    )


def _say(message: str) -> None:
    typer.echo(f"ispy1: {message}", err=True)


def findings() -> None:
    """Unite the findings of all tables (stage `findings`).

    Examples: `ispy1 findings`
    """
    from etl.build import build_findings

    typer.echo(f"findings: {build_findings(project.find_root())} rows")
