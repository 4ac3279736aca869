"""Look at the source and at the release, and decide what is to be done. Changes nothing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from etl.adopt.compare import Item, Present, compare, describe_release
from etl.adopt.duplicates import Choice, Listed, choose, read_manifests
from etl.adopt.mask_names import find_cases
from etl.adopt.memory import load_memory
from etl.adopt.recognise import (
    Candidate,
    Identity,
    Recognised,
    check_mask_set,
    find_damaged,
    identify,
    recognise,
)
from etl.adopt.report import Note, Request, format_count
from etl.adopt.scan import Scan, list_files, scan
from etl.adopt.which_profile import Fit, fit_profile, list_cases, load_asked_profile
from etl.model.errors import UserError
from etl.model.profile import Profile, list_expected_ids
from etl.model.release import Name, extension, is_own_mask, parse
from etl.versions.dvc import find_cache
from etl.versions.track import tracking_file


@dataclass(frozen=True, slots=True)
class Plan:
    """What is known of the source and the release before anything is changed, and what to bring."""

    request: Request
    profile: Profile
    profile_reason: str
    scanned: Scan
    recognised: Recognised
    mask_name: str  # how a mask of the release is named
    strangers: tuple[Candidate, ...]  # masks of no case of the release
    damaged: tuple[str, ...]
    choice: Choice
    listed: Listed
    present: Present
    items: tuple[Item, ...]
    undecided: frozenset[Identity]  # what the source claims to have, and did not give


def make_plan(request: Request) -> Plan:
    """Look at source and release, and decide what to take.

    Raises:
        UserError: the source or the project cannot be used as asked.
    """
    paths = tuple(list_files(request.release))
    _check_release(request, paths)
    scanned = scan(request.source, request.release.resolve(), find_cache(request.root).resolve())
    profile, reason = _choose_profile(request, [file.path for file in scanned.files], paths)
    if request.mask_set is not None:
        check_mask_set(request.mask_set, profile)
    recognised = recognise(scanned, profile, request.source, request.mask_set)
    cases = _list_cases(request, paths, profile)
    mask_name = _make_mask_name(request, profile, cases)
    _require_any(request, recognised, profile, scanned, mask_name)
    recognised = _drop_second_features(recognised, () if request.is_fresh else paths)
    candidates, strangers = _split_by_case(request, recognised.candidates, cases)
    listed = _read_listed(request, candidates, paths, profile)
    choice = choose(candidates, listed)
    present = describe_release(request.release, paths, profile, load_memory(request.root))
    return Plan(
        request=request,
        profile=profile,
        profile_reason=reason,
        scanned=scanned,
        recognised=recognised,
        mask_name=mask_name,
        strangers=tuple(strangers),
        damaged=find_damaged(choice.chosen),
        choice=choice,
        listed=listed,
        present=present,
        items=compare(choice.chosen, present),
        undecided=choice.undecided
        | _identify_refused(scanned.refused, profile)
        | _identify_claimed(request, recognised.refused, profile)
        | {c.identity for c in strangers},
    )


def _list_cases(request: Request, present: Collection[str], profile: Profile) -> set[str]:
    """Return the cases that images and the publisher's masks name: own masks make none."""
    paths = [path for path in present if not is_own_mask(path, profile)]
    return list_cases(paths, profile, request.release, None)


def _split_by_case(
    request: Request, candidates: Sequence[Candidate], cases: Collection[str]
) -> tuple[list[Candidate], list[Candidate]]:
    """Return what may be taken, and the user's masks of no case of the release.

    A release without any case takes every mask: there is nothing yet that they could belong to.
    """
    if request.mask_set is None or not cases:
        return list(candidates), []
    of_release = [c for c in candidates if c.name.case_id in cases]
    return of_release, [c for c in candidates if c.name.case_id not in cases]


def _make_mask_name(request: Request, profile: Profile, cases: Collection[str]) -> str:
    """Return how a mask of the release is named, for a person whose masks are named otherwise."""
    example = f"{profile.id_prefix}{'1' * profile.id_digits}"
    return f"{min(cases or list_expected_ids(request.root, profile) or [example])}.nii.gz"


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


def _choose_profile(
    request: Request, paths: list[str], present: Collection[str]
) -> tuple[Profile, str]:
    """Return the profile of the release that there will be, and why.

    Raises:
        UserError: source and release are of two data sets.
    """
    root = request.root
    source = fit_profile(root, request.source, paths, request.mask_set)
    release = fit_profile(root, request.release, () if request.is_fresh else present)
    if source.expected and release.expected and source.profile.name != release.profile.name:
        raise UserError(_describe_mixture(request, source, release))
    if request.profile is not None:
        return load_asked_profile(root, request.profile), "as asked"
    best = source if source.expected else release
    return best.profile, best.reason


def _describe_mixture(request: Request, source: Fit, release: Fit) -> str:
    way_out = (
        "Adopt masks of the same cases."
        if request.mask_set
        else "Adopt with --prune to replace the one by the other."
    )
    return (
        f"{request.source}: holds cases of {source.profile.name}, but {request.release} holds "
        f"{release.profile.name}. Two data sets make no release. {way_out}"
    )


def _require_any(
    request: Request, recognised: Recognised, profile: Profile, scanned: Scan, mask_name: str
) -> None:
    if recognised.candidates:
        return
    looked_at = f"{format_count(len(scanned.files))} looked at"
    if not scanned.files and scanned.refused:
        note = scanned.refused[0]
        count = len(scanned.refused)
        looked_at = f"{count} refused, the first {note.path}: {note.reason}; adopt what is there"
    if notes := (*recognised.not_taken, *recognised.refused):
        note = notes[0]
        message = f"{request.source}: nothing can be taken. {note.path}: {note.reason}."
    elif request.mask_set is not None:
        message = (
            f"{request.source}: holds no mask named by its case ({looked_at}). A name is expected "
            f"such as {mask_name}."
        )
    else:
        folders = [image_set.folder for image_set in profile.image_sets.values()]
        folders += [profile.mask_folder_prefix + mask for mask in profile.masks]
        message = (
            f"{request.source}: holds nothing of a release of {profile.name} ({looked_at}). "
            f"Looked for the folders {', '.join(folders)} and the files of the profile."
        )
    raise UserError(message)


def _drop_second_features(recognised: Recognised, staying: Collection[str]) -> Recognised:
    """Leave CaPTk's own .csv aside where the publisher's workbook is at hand."""
    features = [c for c in recognised.candidates if c.name.artefact == "features"]
    targets = {*staying, *(candidate.target for candidate in features)}
    workbooks = targets & {c.target.removesuffix(".csv") + ".xlsx" for c in features}
    if not workbooks:
        return recognised
    seconds = {c.file.path for c in features if extension(c.target) == ".csv"}
    notes = (Note(path, "a features workbook is there and goes first") for path in sorted(seconds))
    return replace(
        recognised,
        candidates=tuple(c for c in recognised.candidates if c.file.path not in seconds),
        not_taken=(*recognised.not_taken, *notes),
    )


def _read_listed(
    request: Request, candidates: Sequence[Candidate], present: Collection[str], profile: Profile
) -> Listed:
    """Return what the manifests of the source and of the release say."""
    manifests = [c.file.real for c in candidates if c.name.artefact == "manifest"]
    manifests += [
        request.release / path for path in present if parse(path, profile).artefact == "manifest"
    ]
    return read_manifests(manifests, profile)


def _identify_claimed(
    request: Request, notes: Collection[Note], profile: Profile
) -> frozenset[Identity]:
    """Return the masks that refused files of the user's claim to be: they are in the source."""
    cases = {case for note in notes for case in find_cases(note.path, profile)}
    return frozenset(identify(Name("", "mask", request.mask_set, case), "") for case in cases)


def _identify_refused(notes: Collection[Note], profile: Profile) -> frozenset[Identity]:
    """Return what refused files would have been: they are in the source."""
    names = [parse(note.path, profile) for note in notes if note.path]
    return frozenset(identify(name, Path(name.path).name) for name in names)
