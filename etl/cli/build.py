"""Commands of the pipeline: what the stages of dvc.yaml run, and `repro` around them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from etl.cli.answer import JsonOption, echo_json
from etl.cli.complete import complete_tables
from etl.cli.progress import Bar, progress_bar
from etl.model import project
from etl.model.errors import UserError
from etl.model.pool import SCHEDULER, Cluster

if TYPE_CHECKING:
    from etl.build.run import Built

FORCE = "ISPY1_FORCE"
SchedulerOption = Annotated[
    str | None,
    typer.Option(
        envvar=SCHEDULER,
        metavar="ADDRESS",
        help="Measure on the Dask cluster of this scheduler, such as tcp://host:8786.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands of this topic."""
    app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(repro)
    app.command()(hook)
    stage = "Stages of the pipeline"
    app.command(rich_help_panel=stage)(phantom)
    app.command(rich_help_panel=stage)(index)
    app.command(rich_help_panel=stage)(tables)


def repro(context: typer.Context, scheduler: SchedulerOption = None) -> None:
    """Bring every table up to date: `dvc repro` with this program's own environment.

    Further words go to `dvc repro`. `--force` also measures every blob again. A second one waits.

    Examples: `ispy1 repro`, `ispy1 repro --force`, `ispy1 repro gate`,
    `ispy1 repro --scheduler tcp://host:8786`
    """
    from etl.versions.repro import run_repro

    root = project.find_root()
    if not {"--allow-missing", "--pull"} & set(context.args):
        _check_release(root)
    environment = {FORCE: "1"} if {"--force", "-f"} & set(context.args) else {}
    if scheduler:
        environment[SCHEDULER] = scheduler
    code = run_repro(root, context.args, environment, _say)
    raise typer.Exit(min(code, 1) if code >= 0 else 2)


def _check_release(root: Path) -> None:
    """Refuse a release that is not here or not reached: DVC says so too, but not what to do."""
    release = project.release_path(root)
    if not isinstance(release, Path):
        from etl.versions.objects import require_objects

        require_objects(release)
        return
    tracked = release.with_name(f"{release.name}.dvc")
    if tracked.is_file() and not release.is_dir():
        name = tracked.relative_to(root)
        message = (
            f"{release}: the blobs are not here. Run `dvc pull {name}`. Without them, "
            "`dvc pull tables gate` brings the tables, and `ispy1 repro --allow-missing` builds on."
        )
        raise UserError(message)


def hook() -> None:
    """Install the git hook that checks the data out with the code (`make` does).

    A hook of your own is never written over.

    Examples: `ispy1 hook`
    """
    from etl.versions.hook import install_hook

    typer.echo(install_hook(project.find_root()))


def phantom() -> None:
    """Make the synthetic release and its truth, as params.yaml says (a stage of data/dvc.yaml).

    Examples: `ispy1 phantom`
    """
    from etl.phantom.build import make

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
    from etl.build.index import write_indexes
    from etl.versions.dvc import release_hashes
    from etl.versions.hook import warn_if_release_differs

    root = project.find_root()
    release = project.release_path(root)
    with progress_bar("files") as advance:
        hashes = release_hashes(root, release, advance)
    name = release if isinstance(release, Path) else project.release_name(root)
    typer.echo(f"index: {write_indexes(root, hashes)} files of {name}")
    warning = warn_if_release_differs(root, hashes)
    if warning:
        _say(f"warning: {warning}")


def tables(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Tables, such as masks; default: all.", autocompletion=complete_tables),
    ] = None,
    *,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; default: ISPY1_WORKERS or the cores.")
    ] = None,
    scheduler: SchedulerOption = None,
    force: Annotated[
        bool, typer.Option("--force", envvar=FORCE, help="Read every blob again.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Only say what would be built, and why.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Build the tables that are stale, and those that they need first (stage `tables`).

    A table whose code, parameters, blobs and needed tables are what they were is left as it is.

    Examples:
    - `ispy1 tables`
    - `ispy1 tables masks images`
    - `ispy1 tables --dry-run`
    - `ispy1 tables --workers 1`
    - `ispy1 tables --scheduler tcp://host:8786`
    """
    from etl.build.plan import add_needs
    from etl.build.run import build_tables, plan_tables

    root, table_names = project.find_root(), add_needs(names or ())
    if dry_run:
        built = plan_tables(root, table_names)
    else:
        with progress_bar("cases") as bar:
            crew = _name_cluster(scheduler, bar) if scheduler else workers
            built = build_tables(root, table_names, crew, bar, reuse=not force, say=_say)
    if as_json:
        echo_json([asdict(table) for table in built])
        return
    for table in built:
        if table.reasons:
            typer.echo(_describe(table))
    fresh = [table.table for table in built if not table.reasons]
    typer.echo(f"tables: {len(built) - len(fresh)} stale, {len(fresh)} fresh")


def _name_cluster(scheduler: str, bar: Bar) -> Cluster:
    def show(n_workers: int) -> None:
        bar.rename(f"cases ({n_workers} worker{'s' * (n_workers != 1)})")

    return Cluster(scheduler, _say, show)


def _describe(table: Built) -> str:
    """Return what was or would be done to a table in a line."""
    to_read = f"{table.measured} units {'to measure' if table.rows is None else 'measured'}"
    units = f"{to_read}, {table.units - table.measured} reused"
    size = "" if table.rows is None else f"{table.rows} rows, {table.findings} findings; "
    return f"{table.table}: {size}{units} ({'; '.join(table.reasons)})"


def _say(message: str) -> None:
    typer.echo(f"ispy1: {message}", err=True)
