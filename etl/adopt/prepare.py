"""Look at the source and at the release, and decide what is to be done. Changes nothing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from etl.adopt.doubles import Choice, Listed, choose, read_manifests
from etl.adopt.mask_names import named_cases
from etl.adopt.memory import Memory, recall
from etl.adopt.plan import Item, Scope, compare, known_files
from etl.adopt.recognise import (
    Candidate,
    Identity,
    Recognised,
    check_mask_set,
    identity,
    recognise,
)
from etl.adopt.report import NoCase, Note, Rule, files_text
from etl.adopt.scan import Scan, relative_names, scan
from etl.adopt.sniff import damaged
from etl.adopt.which_profile import Fit, asked_profile, case_ids, fit
from etl.model.errors import UserError
from etl.model.profile import Profile, list_expected_ids
from etl.model.release import Name, extension, is_own_mask, parse
from etl.versions.dvc import find_cache
from etl.versions.track import TARGET, tracking_file


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for."""

    source: Path
    root: Path
    mask_set: str | None
    is_prune: bool
    is_dry_run: bool
    profile: str | None
    rule: Rule | None = None  # of the mask set: which of its values are foreground

    @property
    def release(self) -> Path:
        """The folder that an adopted release lies in."""
        return self.root / TARGET

    @property
    def is_fresh(self) -> bool:
        """Whether nothing of the present release is to stay that the source does not have."""
        return self.is_prune and self.mask_set is None


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is known of the source and the release before anything is changed."""

    scope: Scope
    profile_reason: str
    scanned: Scan
    recognised: Recognised
    mask_name: str
    no_case: tuple[NoCase, ...]
    damaged: tuple[str, ...]
    choice: Choice
    listed: Listed
    present: tuple[str, ...]
    items: tuple[Item, ...]
    undecided: frozenset[Identity]
    memory: Memory


def prepare(request: Request) -> Prepared:
    """Decide what to take.

    Raises:
        UserError: the source or the project cannot be used as asked.
    """
    present = tuple(relative_names(request.release))
    _check_release(request, present)
    scanned = scan(request.source, request.release.resolve(), find_cache(request.root).resolve())
    profile, reason = _profile(request, [found.path for found in scanned.files], present)
    if request.mask_set is not None:
        check_mask_set(request.mask_set, profile)
    found = recognise(scanned, profile, request.source, request.mask_set)
    cases = _cases(request, present, profile)
    spelling = _spelling(request, profile, cases)
    _check_any(request, found, profile, scanned, spelling)
    found = _without_second_features(found, () if request.is_fresh else present)
    candidates, strangers = _by_case(request, found.candidates, cases)
    listed = _listed(request, candidates, present, profile)
    choice = choose(candidates, listed)
    memory = recall(request.root)
    return Prepared(
        scope=Scope(profile, request.mask_set),
        profile_reason=reason,
        scanned=scanned,
        recognised=found,
        mask_name=spelling,
        no_case=tuple(NoCase(c.found.path, c.name.case_id or "") for c in strangers),
        damaged=damaged(choice.chosen),
        choice=choice,
        listed=listed,
        present=present,
        items=compare(
            choice.chosen,
            request.release,
            frozenset(present),
            known_files(present, profile, memory),
        ),
        undecided=choice.undecided
        | _identities(scanned.refused, profile)
        | _claimed(request, found.refused, profile)
        | {c.identity for c in strangers},
        memory=memory,
    )


def _cases(request: Request, present: Collection[str], profile: Profile) -> set[str]:
    """The cases of the release by its images and the publisher's masks: own masks make none."""
    paths = [path for path in present if not is_own_mask(path, profile)]
    return case_ids(paths, profile, request.release, None)


def _by_case(
    request: Request, candidates: Sequence[Candidate], cases: Collection[str]
) -> tuple[list[Candidate], list[Candidate]]:
    """What may be taken, and the user's masks of no case of the release.

    A release without any case takes every mask: there is nothing yet that they could belong to.
    """
    if request.mask_set is None or not cases:
        return list(candidates), []
    ours = [c for c in candidates if c.name.case_id in cases]
    return ours, [c for c in candidates if c.name.case_id not in cases]


def _spelling(request: Request, profile: Profile, cases: Collection[str]) -> str:
    """How a mask of the release is named, for a person whose masks are named otherwise."""
    some = f"{profile.id_prefix}{'1' * profile.id_digits}"
    return f"{min(cases or list_expected_ids(request.root, profile) or [some])}.nii.gz"


def _check_release(request: Request, present: Collection[str]) -> None:
    """Refuse where taking files would lose the tracked release, or a set has no release."""
    if present:
        return
    if request.mask_set is not None:
        message = (
            f"{request.release}: holds no release yet, so {request.mask_set} would be masks of "
            "nothing. Adopt the release first: ispy1 adopt PATH."
        )
        raise UserError(message)
    if tracking_file(request.root).is_file() and not request.is_fresh:
        message = (
            f"{request.release}: is tracked by DVC, but its files are not here. Run dvc pull "
            "data/release first, or adopt with --prune to begin anew, without any of them."
        )
        raise UserError(message)


def _profile(request: Request, paths: list[str], present: Collection[str]) -> tuple[Profile, str]:
    """The profile of the release that there will be, and why.

    Raises:
        UserError: source and release are of two data sets.
    """
    root = request.root
    source = fit(root, request.source, paths, request.mask_set)
    release = fit(root, request.release, () if request.is_fresh else present)
    if source.expected and release.expected and source.profile.name != release.profile.name:
        raise UserError(_mixture(request, source, release))
    if request.profile is not None:
        return asked_profile(root, request.profile), "as asked"
    best = source if source.expected else release
    return best.profile, best.reason


def _mixture(request: Request, source: Fit, release: Fit) -> str:
    way_out = (
        "Adopt masks of the same cases."
        if request.mask_set
        else "Adopt with --prune to replace the one by the other."
    )
    return (
        f"{request.source}: holds cases of {source.profile.name}, but {request.release} holds "
        f"{release.profile.name}. Two data sets make no release. {way_out}"
    )


def _check_any(
    request: Request, found: Recognised, profile: Profile, scanned: Scan, spelling: str
) -> None:
    if found.candidates:
        return
    seen = f"{files_text(len(scanned.files))} looked at"
    if not scanned.files and scanned.refused:
        note = scanned.refused[0]
        count = len(scanned.refused)
        seen = f"{count} refused, the first {note.path}: {note.reason}; adopt what is there"
    if notes := (*found.not_taken, *found.refused):
        note = notes[0]
        message = f"{request.source}: nothing can be taken. {note.path}: {note.reason}."
    elif request.mask_set is not None:
        message = (
            f"{request.source}: holds no mask named by its case ({seen}). A name is expected "
            f"such as {spelling}."
        )
    else:
        folders = [image_set.folder for image_set in profile.image_sets.values()]
        folders += [profile.mask_folder_prefix + mask for mask in profile.masks]
        message = (
            f"{request.source}: holds nothing of a release of {profile.name} ({seen}). "
            f"Looked for the folders {', '.join(folders)} and the files of the profile."
        )
    raise UserError(message)


def _without_second_features(found: Recognised, staying: Collection[str]) -> Recognised:
    """Leave CaPTk's own .csv aside where the publisher's workbook is at hand."""
    features = [c for c in found.candidates if c.name.artefact == "features"]
    targets = {*staying, *(candidate.target for candidate in features)}
    workbooks = targets & {c.target.removesuffix(".csv") + ".xlsx" for c in features}
    if not workbooks:
        return found
    left = {c.found.path for c in features if extension(c.target) == ".csv"}
    notes = (Note(path, "a features workbook is there and goes first") for path in sorted(left))
    return Recognised(
        candidates=tuple(c for c in found.candidates if c.found.path not in left),
        unrecognised=found.unrecognised,
        not_taken=(*found.not_taken, *notes),
        refused=found.refused,
    )


def _listed(
    request: Request, candidates: Sequence[Candidate], present: Collection[str], profile: Profile
) -> Listed:
    """What the manifests of the source and of the release say."""
    manifests = [c.found.real for c in candidates if c.name.artefact == "manifest"]
    manifests += [
        request.release / path for path in present if parse(path, profile).artefact == "manifest"
    ]
    return read_manifests(manifests, profile)


def _claimed(request: Request, notes: Collection[Note], profile: Profile) -> frozenset[Identity]:
    """Return the masks that refused files of the user's claim to be: these have not vanished."""
    cases = {case for note in notes for case in named_cases(note.path, profile)}
    return frozenset(identity(Name("", "mask", request.mask_set, case), "") for case in cases)


def _identities(notes: Collection[Note], profile: Profile) -> frozenset[Identity]:
    """What refused files would have been: what the release holds of these has not vanished."""
    names = [parse(note.path, profile) for note in notes if note.path]
    return frozenset(identity(name, Path(name.path).name) for name in names)
