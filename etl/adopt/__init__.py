"""Bring a real download: what people have on disk, laid out canonically in data/release.

The source is never moved or changed. A second run brings what changed and copies nothing else.
"""

from __future__ import annotations

from pathlib import Path

from etl.adopt.execute import execute_plan
from etl.adopt.foresee import foresee_plan
from etl.adopt.place import Progress, lock_release
from etl.adopt.plan import make_plan
from etl.adopt.report import Report, Request, Rule
from etl.versions.track import refuse_address, require_tracking

__all__ = ["Progress", "Report", "adopt"]


def _ignore_progress(_done: int, _total: int) -> None:
    """Show no progress."""


def adopt(  # noqa: PLR0913  the options of the command
    source: Path,
    root: Path,
    *,
    mask_set: str | None = None,
    prune: bool = False,
    dry_run: bool = False,
    profile: str | None = None,
    rule: Rule | None = None,
    progress: Progress = _ignore_progress,
) -> Report:
    """Lay out the release below `source` in data/release of the project at `root`.

    Args:
        source: a folder with any part of a release, in any of the forms people have.
        root: the project.
        mask_set: take the masks below `source` as the user's own set of this name.
        prune: remove what the source does not have (of the mask set, where one is named; the
            user's own mask sets stay where none is).
        dry_run: change nothing.
        profile: the release's profile; by default the one whose expected ids fit.
        rule: which scaled values of the mask set are foreground, kept in params.yaml: at least
            `threshold`, or one of `labels`. Default: what params.yaml says.
        progress: called with the bytes copied so far and in all; first with 0, before any copy.

    Raises:
        UserError: the source or the project cannot be used; the message says what to do.
    """
    refuse_address(root)
    # The folder's own name says what it holds (`masks_ftv`), so a link keeps its name.
    folder = source.absolute() if source.name not in ("", "..") else source.resolve()
    request = Request(folder, root.resolve(), mask_set, prune, dry_run, profile, rule)
    if dry_run:
        return foresee_plan(make_plan(request))
    require_tracking(request.root)
    with lock_release(request.root):
        return execute_plan(make_plan(request), progress)
