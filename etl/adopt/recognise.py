"""Say what each file of the source is, and where in a release it would lie."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from etl.adopt.mask_names import objection, own_mask
from etl.adopt.report import Note
from etl.adopt.scan import Found, Scan
from etl.model.errors import UserError
from etl.model.profile import Profile
from etl.model.release import Name, extension, is_known, parse, place_in_release

# A user's own set in `masks_<name>/`: what any file system and any SQL string takes as it is.
_SET_NAME = re.compile(r"[^\W_][\w.-]*")
_NEW_SET_NAME = re.compile(r"[a-z0-9_]+")

# CaPTk's own outputs, known by their header (DATASET.md).
_LONG = ["SubjectID", "Modality", "ROILabel", "FeatureFamily", "Feature", "Value", "Parameters"]
_FAMILY = re.compile(r"_(Intensity|Histogram|Volumetric|Morphologic|GLCM|GLRLM|GLSZM|NGTDM|LBP)_")
_PARAMETERS = ["FeatureName", "ParamName", "Type", "Range", "Default", "Comments"]
_HEADER_BYTES = 1 << 16

Identity = tuple[str, str | None, str | None, int | None, str]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file of the source that the release has a place for."""

    found: Found
    name: Name
    target: str  # inside the release

    @property
    def identity(self) -> Identity:
        """What the file is: candidates with one identity are doubles."""
        return identity(self.name, self.target)


@dataclass(frozen=True, slots=True)
class Recognised:
    """The files of the source, sorted by what can be done with them."""

    candidates: tuple[Candidate, ...]
    unrecognised: tuple[Found, ...]
    not_taken: tuple[Note, ...]
    refused: tuple[Note, ...]  # of several cases, second copies, unfinished


def identity(name: Name, target: str) -> Identity:
    """What a file is, without its folder. Several manifests and READMEs are told apart by name."""
    own = target if name.artefact in ("manifest", "other") else ""
    return (*name.identity, own)


def recognise(scanned: Scan, profile: Profile, source: Path, mask_set: str | None) -> Recognised:
    """Sort the files below `source`; with `mask_set`, only masks of that set are looked for."""
    refused = _refused(scanned, profile, source) if mask_set else {}
    candidates, unrecognised, not_taken = [], [], []
    for found in scanned.files:
        if found.path in refused:
            continue
        name = _name(found, profile, source, mask_set)
        reason = _objection(name, profile, mask_set)
        if reason is not None:
            not_taken.append(Note(found.path, reason))
        elif name is None:
            unrecognised.append(found)
        else:
            target = place_in_release(name, profile, extension(found.path))
            candidates.append(Candidate(found, name, target))
    # A link may show one file under a second, meaningless name.
    inodes = {candidate.found.inode for candidate in candidates}
    rest = tuple(found for found in unrecognised if found.inode not in inodes)
    notes = (Note(path, why) for path, why in refused.items())
    return Recognised(tuple(candidates), rest, tuple(not_taken), tuple(notes))


def _refused(scanned: Scan, profile: Profile, source: Path) -> dict[str, str]:
    """Return why files that name a case are no mask of one case: path -> reason."""
    paths = (*(found.path for found in scanned.files), *scanned.litter)
    whys = {path: objection(with_context(source, path, profile), profile) for path in paths}
    return {path: why for path, why in whys.items() if why}


def check_mask_set(name: str, profile: Profile) -> None:
    """Refuse a name for a user's mask set that is no name or belongs to the publisher.

    Raises:
        UserError: with the reason.
    """
    if not _NEW_SET_NAME.fullmatch(name):
        message = (
            f"mask set {name!r}: not a name. Use small letters, digits and _, such as my_unet."
        )
        raise UserError(message)
    if name in profile.masks:
        message = f"mask set {name}: is one of the publisher's. Choose another name for your own."
        raise UserError(message)


def with_context(source: Path, path: str, profile: Profile) -> str:
    """A path below the source, led by the source's own name (two names where it is a case).

    People also hand over `masks_ftv` or one case's folder, and then the name is in the source.
    """
    parts = source.parts[1:]
    depth = 2 if parts and profile.case_id(parts[-1]) else 1
    return PurePosixPath(*parts[-depth:], path).as_posix()


def _name(found: Found, profile: Profile, source: Path, mask_set: str | None) -> Name | None:
    """What the file is, or None where nothing is known."""
    name = name_of(found.path, profile, source, mask_set)
    if mask_set is not None or is_known(name, profile):
        return name if is_known(name, profile) else None
    artefact = _artefact_by_header(found)
    return replace(name, artefact=artefact) if artefact else None


def name_of(path: str, profile: Profile, source: Path, mask_set: str | None) -> Name:
    """What a path below the source says; `other` for all but masks where a set is named."""
    led = with_context(source, path, profile)
    name = replace(parse(led, profile), path=path)
    return name if mask_set is None else own_mask(name, led, profile, mask_set)


def _objection(name: Name | None, profile: Profile, mask_set: str | None) -> str | None:
    """Why a recognised file is not taken, or None."""
    if name is None:
        return None
    if name.mask is not None:
        if mask_set is not None and name.mask != mask_set:
            return f"belongs to the publisher's set {name.mask}"
        if not _SET_NAME.fullmatch(name.mask):
            return "its folder is no name for a mask set (letters, digits, _ . - after masks_)"
        if name.mask not in profile.masks and name.mask.lower() in profile.masks:
            return f"its folder looks like the publisher's set {name.mask.lower()}; rename it"
    elif not place_in_release(name, profile).isprintable():
        return "its name holds control characters"
    return None


def _artefact_by_header(found: Found) -> str | None:
    """`features` or `captk_parameters` where a .csv has the header of one, else None."""
    if extension(found.path) != ".csv":
        return None
    try:
        with found.real.open("rb") as file:
            start = file.readline(_HEADER_BYTES)
        header = next(csv.reader([start.decode("utf-8-sig")]), [])
    except (OSError, UnicodeDecodeError, csv.Error):
        return None  # not readable as a header: the file stays unrecognised and is reported so
    header = [cell.strip() for cell in header]
    if header == _PARAMETERS:
        return "captk_parameters"
    is_wide = header[:1] == ["SubjectID"] and any(_FAMILY.search(cell) for cell in header[1:])
    return "features" if header == _LONG or is_wide else None
