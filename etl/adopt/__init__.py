"""Bring a real download: what people have on disk, laid out canonically in data/release.

The source is never moved or changed. A second run brings what changed and copies nothing else.
"""

from __future__ import annotations

from pathlib import Path

from etl.adopt.carry import Done, carry_out, foresee
from etl.adopt.place import Progress, locked
from etl.adopt.plan import missing
from etl.adopt.prepare import Prepared, Request, prepare
from etl.adopt.report import Missing, Report, Rule, Taken
from etl.adopt.which_profile import case_ids
from etl.model.profile import list_expected_ids
from etl.versions.track import TARGET, require_tracking

__all__ = ["Progress", "Report", "adopt"]


def _silent(_done: int, _total: int) -> None:
    """No progress is shown."""


def adopt(  # noqa: PLR0913  the options of the command
    source: Path,
    root: Path,
    *,
    mask_set: str | None = None,
    prune: bool = False,
    dry_run: bool = False,
    profile: str | None = None,
    rule: Rule | None = None,
    progress: Progress = _silent,
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
    # The folder's own name says what it holds (`masks_ftv`), so a link keeps its name.
    named = source.absolute() if source.name not in ("", "..") else source.resolve()
    request = Request(named, root.resolve(), mask_set, prune, dry_run, profile, rule)
    if dry_run:
        prepared = prepare(request)
        return _report(request, prepared, foresee(request, prepared))
    require_tracking(request.root)
    with locked(request.root):
        prepared = prepare(request)
        return _report(request, prepared, carry_out(request, prepared, progress))


def _report(request: Request, prepared: Prepared, done: Done) -> Report:
    found = prepared.recognised
    return Report(
        source=str(request.source),
        target=TARGET,
        profile=prepared.scope.profile.name,
        profile_reason=prepared.profile_reason,
        mask_set=request.mask_set,
        rule=request.rule,
        is_dry_run=request.is_dry_run,
        taken=_taken(done),
        unrecognised=tuple(file.path for file in found.unrecognised),
        mask_name=prepared.mask_name,
        not_taken=found.not_taken,
        refused=(
            *prepared.scanned.refused,
            *found.refused,
            *prepared.choice.refused,
            *done.refused,
        ),
        no_case=prepared.no_case,
        damaged=prepared.damaged,
        doubles=prepared.choice.doubles,
        missing=_missing(request, prepared, done),
        vanished=done.leftover.vanished,
        elsewhere=done.leftover.elsewhere,
        removed=done.leftover.removed,
        kept=done.leftover.kept,
        prune_skipped=done.prune_skipped,
        litter=len(prepared.scanned.litter),
        litter_names=prepared.scanned.litter,
        bytes_to_copy=done.space.to_copy,
        bytes_needed=done.space.needed,
        bytes_free=done.space.free,
        bytes_shared=done.bytes_shared,
        recorded=done.recorded,
        params_changed=done.params_changed,
        is_changed=done.is_changed,
    )


def _taken(done: Done) -> tuple[Taken, ...]:
    return tuple(
        Taken(
            source=item.candidate.found.path,
            target=item.target,
            artefact=_kind(item.candidate.name.artefact, item.candidate.name.mask),
            action=item.action,
            size_bytes=item.candidate.found.size,
            replaces=item.replaces,
        )
        for item in done.items
    )


def _kind(artefact: str, mask: str | None) -> str:
    return artefact if mask is None else f"{artefact} {mask}"


def _missing(request: Request, prepared: Prepared, done: Done) -> Missing:
    """What the release lacks now, against expected ids and the cases that it names."""
    profile = prepared.scope.profile
    left = set(prepared.present) - set(done.leftover.removed)
    left -= {path for item in done.items for path in item.replaces}
    after = left | {item.target for item in done.items}
    if request.mask_set is not None:
        others = [path for path in after if not path.startswith(prepared.scope.folder)]
        return missing(after, case_ids(others, profile, request.release, None), prepared.scope)
    named = case_ids([*after, *prepared.listed], profile, request.release, None)
    return missing(after, named | {*list_expected_ids(request.root, profile)}, prepared.scope)
