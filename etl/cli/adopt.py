"""`ispy1 adopt`: bring a real download into the project."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXIT_REFUSED = 1


def register(app: typer.Typer) -> None:
    """Add the command of this topic."""
    app.command()(adopt)


def adopt(
    path: Annotated[Path, typer.Argument(help="Folder with the download, or any part of it.")],
    *,
    mask_set: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Take masks of your own (ISPY1_1002_seg.nii.gz, ...) as masks_NAME.",
        ),
    ] = None,
    prune: Annotated[
        bool,
        typer.Option(
            "--prune",
            help="Remove from data/release what PATH does not have (of your own mask sets, only "
            "the one that --mask-set names; the slice of `ispy1 idc` stays).",
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and change nothing.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the whole report as one JSON object.")
    ] = False,
    profile: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The data set; default: told from the case ids."),
    ] = None,
) -> None:
    """Lay out a download canonically in data/release, and make the project read it.

    PATH is never moved or changed. Any root, `.nii` beside `.nii.gz`, names without `_zscored`,
    litter, and a part of a release (masks only, one case) are all right. Run it again after
    a crash or when more files have come: it copies only what is new.

    Exit codes: 0 all taken, 1 something had to be refused (the rest is taken), 2 cannot run.

    Examples:
    - `ispy1 adopt ~/Downloads/ISPY1-Tumor-SEG-Radiomics --dry-run`
    - `ispy1 adopt ~/Downloads/ISPY1-Tumor-SEG-Radiomics`
    - `ispy1 adopt --mask-set my_unet predictions/`
    """
    import json

    from etl.adopt import adopt as bring
    from etl.adopt.report import size_text
    from etl.adopt.tell import lines
    from etl.cli.progress import progress_bar
    from etl.project import find_root

    with progress_bar("adopt") as advance:

        def step(done: int, total: int) -> None:
            if total and not done:
                typer.echo(f"adopt: {size_text(total)} to copy", err=True)
            advance(done, total)

        report = bring(
            path,
            find_root(),
            mask_set=mask_set,
            prune=prune,
            dry_run=dry_run,
            profile=profile,
            progress=step,
        )
    typer.echo(json.dumps(report.as_dict(), indent=2) if as_json else "\n".join(lines(report)))
    if not report.is_complete:
        raise typer.Exit(EXIT_REFUSED)
