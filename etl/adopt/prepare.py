"""Look at the source and at the release, and decide what is to be done. Changes nothing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from etl.adopt.doubles import Choice, Listed, choose, read_manifests
from etl.adopt.memory import recall
from etl.adopt.plan import Item, Scope, compare, known_files
from etl.adopt.recognise import (
    Candidate,
    Identity,
    Recognised,
    check_mask_set,
    identity,
    recognise,
)
from etl.adopt.report import Note
from etl.adopt.scan import Scan, relative_names, scan
from etl.adopt.track import TARGET
from etl.adopt.which_profile import Fit, asked_profile, fit
from etl.errors import UserError
from etl.profile import Profile
from etl.release import extension, parse


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for."""

    source: Path
    root: Path
    mask_set: str | None
    is_prune: bool
    is_dry_run: bool
    profile: str | None

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
    choice: Choice
    listed: Listed
    present: tuple[str, ...]
    items: tuple[Item, ...]
    undecided: frozenset[Identity]


def prepare(request: Request) -> Prepared:
    """Decide what to take.

    Raises:
        UserError: the source or the project cannot be used as asked.
    """
    present = tuple(relative_names(request.release))
    _check_release(request, present)
    scanned = scan(request.source, request.release.resolve())
    profile, reason = _profile(request, [found.path for found in scanned.files], present)
    if request.mask_set is not None:
        check_mask_set(request.mask_set, profile)
    found = recognise(scanned.files, profile, request.source, request.mask_set)
    _check_any(request, found, profile, len(scanned.files))
    found = _without_second_features(found, () if request.is_fresh else present)
    listed = _listed(request, found.candidates, present, profile)
    choice = choose(found.candidates, listed)
    known = known_files(present, profile, recall(request.root))
    return Prepared(
        scope=Scope(profile, request.mask_set),
        profile_reason=reason,
        scanned=scanned,
        recognised=found,
        choice=choice,
        listed=listed,
        present=present,
        items=compare(choice.chosen, request.release, frozenset(present), known),
        undecided=choice.undecided | _identities(scanned.refused, profile),
    )


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
    if request.release.with_name("release.dvc").is_file() and not request.is_fresh:
        message = (
            f"{request.release}: is tracked by DVC, but its files are not here. Run dvc pull "
            "data/release first, or adopt with --prune to begin anew."
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


def _check_any(request: Request, found: Recognised, profile: Profile, count: int) -> None:
    if found.candidates:
        return
    if found.not_taken:
        note = found.not_taken[0]
        message = f"{request.source}: nothing can be taken. {note.path}: {note.reason}."
    elif request.mask_set is not None:
        message = (
            f"{request.source}: none of its {count} files is a mask named by its case, such as "
            f"{profile.id_prefix}{'1' * profile.id_digits}.nii.gz."
        )
    else:
        folders = [image_set.folder for image_set in profile.image_sets.values()]
        folders += [profile.mask_folder_prefix + mask for mask in profile.masks]
        message = (
            f"{request.source}: none of its {count} files belongs to a release of {profile.name}. "
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


def _identities(notes: Collection[Note], profile: Profile) -> frozenset[Identity]:
    """What refused files would have been: what the release holds of these has not vanished."""
    names = [parse(note.path, profile) for note in notes if note.path]
    return frozenset(identity(name, Path(name.path).name) for name in names)
