"""`ispy1 adopt`: bring a real download into the project."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from etl.cli.answer import JsonOption, echo_json
from etl.cli.complete import complete_mask_sets, complete_profiles
from etl.model.errors import UserError

if TYPE_CHECKING:
    from etl.adopt.report import Rule

EXIT_REFUSED = 1
MaskSetOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Take masks of your own (ISPY1_1002_seg.nii.gz, ...) as masks_NAME.",
        autocompletion=complete_mask_sets,
    ),
]
ThresholdOption = Annotated[
    float | None,
    typer.Option(help="With --mask-set: foreground is at least this (probabilities, logits)."),
]
LabelsOption = Annotated[
    str | None,
    typer.Option(metavar="A,B", help="With --mask-set: foreground is one of these labels."),
]
PruneOption = Annotated[
    bool,
    typer.Option(
        "--prune",
        help="Remove from data/release what PATH does not have (of your own mask sets, only "
        "the one that --mask-set names; the slice of `ispy1 idc` stays).",
    ),
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be done, and change nothing.")
]
ProfileOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="The data set; default: told from the case ids.",
        autocompletion=complete_profiles,
    ),
]


def register(app: typer.Typer) -> None:
    """Add the command of this topic."""
    app.command()(adopt)


def adopt(  # noqa: PLR0913  the options of the command
    path: Annotated[Path, typer.Argument(help="Folder with the download, or any part of it.")],
    *,
    mask_set: MaskSetOption = None,
    threshold: ThresholdOption = None,
    labels: LabelsOption = None,
    prune: PruneOption = False,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
    profile: ProfileOption = None,
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
    - `ispy1 adopt --mask-set my_unet predictions/ --threshold 0.5`
    - `ispy1 adopt --mask-set my_unet predictions/ --labels 1,4`
    """
    from etl.adopt import adopt as bring
    from etl.adopt.tell import format_report
    from etl.cli.progress import progress_bar
    from etl.model.project import find_root
    from etl.text.values import format_bytes

    with progress_bar("adopt", is_bytes=True) as advance:

        def step(done: int, total: int) -> None:
            if total and not done:
                typer.echo(f"adopt: {format_bytes(total)} to copy", err=True)
            advance(done, total)

        report = bring(
            path,
            find_root(),
            mask_set=mask_set,
            prune=prune,
            dry_run=dry_run,
            profile=profile,
            rule=_parse_rule(mask_set, threshold, labels),
            progress=step,
        )
    if as_json:
        echo_json(report.as_dict())
    else:
        typer.echo("\n".join(format_report(report)))
    if not report.is_complete:
        raise typer.Exit(EXIT_REFUSED)


def _parse_rule(mask_set: str | None, threshold: float | None, labels: str | None) -> Rule | None:
    """Return the rule of a mask set that the options state, None without one."""
    if threshold is None and labels is None:
        return None
    if mask_set is None or None not in (threshold, labels):
        message = "--threshold or --labels: one of them, and with --mask-set NAME."
        raise UserError(message)
    try:
        numbers = [threshold or 0.0] if labels is None else [float(n) for n in labels.split(",")]
    except ValueError:
        numbers = []
    if not numbers or not all(map(math.isfinite, numbers)):
        option = f"--threshold {threshold}" if labels is None else f"--labels {labels}"
        message = f"{option}: no finite number; expected such as --threshold 0.5, --labels 1,4."
        raise UserError(message)
    return {"threshold": numbers[0]} if labels is None else {"labels": numbers}
